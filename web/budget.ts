// Keeps what a first visit has to load within bounds: a build that exceeds them fails.
import { gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

/** What a page needs before it can be used: by source files of chunks, without what these load later. */
interface Page {
  name: string;
  /** Ends of the paths of modules that are loaded at once, besides the entry. */
  modules: string[];
  /** Kilobytes, gzip. */
  limit: number;
}

/** Fails the build when a page's scripts and styles together are larger than its limit, and tells what they are. */
export function budget(pages: Page[]): Plugin {
  return {
    name: "budget",
    apply: "build",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const sizeOf = (name: string) => {
        const file = bundle[name];
        return file ? gzipSync(file.type === "chunk" ? file.code : file.source).length / 1000 : 0;
      };
      for (const { name, modules, limit } of pages) {
        const files = new Set<string>();
        const add = (chunk: Rolldown.OutputChunk) => {
          if (files.has(chunk.fileName)) {
            return;
          }
          files.add(chunk.fileName);
          for (const css of chunk.viteMetadata?.importedCss ?? []) {
            files.add(css);
          }
          for (const imported of chunk.imports) {
            const next = bundle[imported];
            if (next?.type === "chunk") {
              add(next);
            }
          }
        };
        chunks.filter(({ isEntry }) => isEntry).forEach(add);
        for (const module of modules) {
          const found = chunks.filter(({ facadeModuleId }) => facadeModuleId?.endsWith(module));
          if (found.length === 0) {
            this.error(`The budget names ${module}, which is no chunk of its own.`);
          }
          found.forEach(add);
        }
        const size = [...files].reduce((sum, file) => sum + sizeOf(file), 0);
        const told = `${name}: ${size.toFixed(0)} of ${limit} kB (gzip, ${files.size} files)`;
        if (size > limit) {
          this.error(`Too large: ${told}`);
        }
        this.info(told);
      }
    },
  };
}
