import katex from "katex";
import { useLayoutEffect, useRef } from "react";
import "katex/dist/katex.min.css";
import classes from "./markdown.module.css";

interface Node {
  attributes?: Record<string, string>;
  children?: Node[];
  toNode: () => globalThis.Node;
}

/** KaTeX's own tree, which it turns into elements without parsing HTML. */
const draw = (katex as unknown as { __renderToDomTree: (tex: string, options: object) => Node })
  .__renderToDomTree;

/** A formula in TeX; what is no TeX is shown as it is. Links and the like that it asks for are not followed. */
export default function Formula({ tex, display = false }: { tex: string; display?: boolean }) {
  const box = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const options = {
      displayMode: display,
      throwOnError: true,
      strict: "ignore",
      trust: false,
      maxSize: 20,
      maxExpand: 500,
    };
    let content: globalThis.Node;
    try {
      const tree = draw(tex, options);
      withoutStyles(tree);
      content = tree.toNode();
    } catch {
      content = document.createElement("code");
      content.textContent = tex;
    }
    box.current?.replaceChildren(content);
  }, [tex, display]);
  return <span ref={box} className={display ? classes.formula : undefined} />;
}

/** The content security policy allows no style attributes. The few there are only repeat the width of a drawing. */
function withoutStyles(node: Node): void {
  delete node.attributes?.style;
  node.children?.forEach(withoutStyles);
}
