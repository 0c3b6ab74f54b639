import { common, createLowlight } from "lowlight";
import type { ReactNode } from "react";

const lowlight = createLowlight(common);

type Content = ReturnType<typeof lowlight.highlight>["children"][number];

/** The text of a program as elements with classes of highlight.js; a language that is not known stays plain. */
export function highlight(code: string, language: string): ReactNode {
  if (!lowlight.registered(language.toLowerCase())) {
    return code;
  }
  return lowlight.highlight(language.toLowerCase(), code).children.map(element);
}

function element(node: Content, index: number): ReactNode {
  if (node.type === "text") {
    return node.value;
  }
  if (node.type !== "element") {
    return null;
  }
  const { className } = node.properties;
  return (
    <span key={index} className={Array.isArray(className) ? className.join(" ") : undefined}>
      {node.children.map((child, i) => element(child as Content, i))}
    </span>
  );
}
