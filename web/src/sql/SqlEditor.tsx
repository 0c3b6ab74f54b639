import { type Ref, useEffect, useEffectEvent, useImperativeHandle, useRef } from "react";
import type { SqlSchema } from "~/api/sql";
import { sqlStrings } from "~/strings/sql";
import { createEditor, type Editor } from "./editor";
import classes from "./sql.module.css";

const s = sqlStrings;

interface Props {
  /** What is in it at first. */
  text: string;
  schema: SqlSchema | undefined;
  onChange: (text: string) => void;
  onRun: () => void;
  ref: Ref<Editor | undefined>;
}

/** The field that a query is written in. What is in it is the editor's own. */
export function SqlEditor({ text, schema, onChange, onRun, ref }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(undefined);
  const changed = useEffectEvent(onChange);
  const run = useEffectEvent(onRun);
  const first = useRef(text);

  useEffect(() => {
    if (!host.current) {
      return;
    }
    const made = createEditor(host.current, {
      text: first.current,
      label: s.editor,
      description: s.description,
      placeholder: s.placeholder,
      onChange: (now) => {
        // Mounted anew, it goes on with what is in it.
        first.current = now;
        changed(now);
      },
      onRun: () => run(),
    });
    editor.current = made;
    return () => {
      editor.current = undefined;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    if (schema) {
      editor.current?.setSchema(schema);
    }
  }, [schema]);

  useImperativeHandle(ref, () => editor.current);
  return <div className={classes.editor} ref={host} />;
}
