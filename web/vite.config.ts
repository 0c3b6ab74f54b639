import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { budget } from "./budget.ts";

// Where the Go server listens while the app is served by Vite.
const server = process.env.TWOBRAINS_URL ?? "http://127.0.0.1:8080";

// Every browser that runs the app reads WOFF2; the other two formats would only make the binary larger.
const modernFonts: Plugin = {
  name: "modern-fonts",
  enforce: "pre",
  transform: (code, id) =>
    id.endsWith("katex.min.css")
      ? code.replace(/,url\([^)]*\) format\("(?:woff|truetype)"\)/g, "")
      : undefined,
};

export default defineConfig({
  plugins: [
    react(),
    modernFonts,
    budget([
      { name: "sign-in", modules: ["/auth/pages.tsx"], limit: 200 },
      { name: "new chat", modules: ["/shell/Shell.tsx", "/chat/ChatPage.tsx"], limit: 250 },
      { name: "shared conversation", modules: ["/share/SharedPage.tsx"], limit: 180 },
    ]),
  ],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    host: "127.0.0.1",
    // Kratos's cookies and the server's Origin check belong to one address, so the Origin is the server's own.
    proxy: Object.fromEntries(
      ["/api", "/.ory", "/dev"].map((path) => [
        path,
        {
          target: server,
          changeOrigin: true,
          headers: { origin: server },
        },
      ]),
    ),
  },
  build: {
    target: "es2022",
    // The content security policy allows no inline script, which the polyfill would be.
    modulePreload: { polyfill: false },
    // A data: URL would be a script or style outside 'self'.
    assetsInlineLimit: 0,
    // Markdown, which is loaded by itself.
    chunkSizeWarningLimit: 600,
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
