import { type ReactNode, useEffect, useState } from "react";

type Highlight = (code: string, language: string) => ReactNode;

// Beyond this many characters colouring would be felt.
const longest = 60_000;

let loaded: Highlight | undefined;

/** The text of a program, in colours once the highlighter is there. */
export function CodeText({ code, language }: { code: string; language: string | undefined }) {
  const [highlight, setHighlight] = useState(() => loaded);
  const wanted = language !== undefined && code.length <= longest;
  useEffect(() => {
    if (wanted && !highlight) {
      let gone = false;
      import("./highlight").then(
        (module) => {
          loaded = module.highlight;
          if (!gone) {
            setHighlight(() => module.highlight);
          }
        },
        // It stays without colours.
        () => undefined,
      );
      return () => {
        gone = true;
      };
    }
  }, [wanted, highlight]);
  return wanted && highlight ? highlight(code, language) : code;
}
