// Runs before the first paint, so that the page is never light for a moment and then dark, or small and then large. A file
// and not an inline script, because the content security policy allows none. The first key is Mantine's, the others are
// those of src/appearance.ts.
(() => {
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage is switched off: follow the system.
    }
  };
  let scheme = read("mantine-color-scheme-value");
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  const root = document.documentElement;
  root.setAttribute("data-mantine-color-scheme", scheme);
  const size = read("tb-text-size");
  if (["small", "large", "larger"].includes(size)) {
    root.setAttribute("data-tb-size", size);
  }
  const width = read("tb-width");
  if (["wide", "full"].includes(width)) {
    root.setAttribute("data-tb-width", width);
  }
})();
