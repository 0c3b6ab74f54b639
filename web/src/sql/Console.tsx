import { Title } from "@mantine/core";
import { type ReactNode, useRef, useState } from "react";
import type { SqlSchema } from "~/api/sql";
import { sqlStrings } from "~/strings/sql";
import type { Editor } from "./editor";
import type { Example } from "./examples";
import { draftOf, keepDraft, remember } from "./history";
import { Outcome } from "./Outcome";
import { type Range, rangeAt } from "./position";
import { SqlEditor } from "./SqlEditor";
import classes from "./sql.module.css";
import { Toolbar } from "./Toolbar";
import { type Source, useRun } from "./useRun";

const s = sqlStrings;

/** What is in the editor, for who keeps queries. */
export interface Held {
  text: () => string;
  /** Puts another query in its place. */
  take: (text: string) => void;
}

interface Props {
  /** Whose the history and the draft in this tab are. */
  owner: string;
  source: Source;
  /** The first one is there until something is written. */
  examples: readonly Example[];
  schema: SqlSchema | undefined;
  tables: (onInsert: (name: string) => void) => ReactNode;
  /** A button beside the others, for queries that the server keeps. */
  saved?: (held: Held) => ReactNode;
}

/** The editor, what it brings, and beside them what there is. */
export function Console({ owner, source, examples, schema, tables, saved }: Props) {
  const editor = useRef<Editor>(undefined);
  const [initial] = useState(() => draftOf(owner) ?? examples[0]?.sql ?? "");
  const [failed, setFailed] = useState<{ text: string; range: Range | undefined }>();
  const [shown, setShown] = useState(false);
  const { running, outcome, run, cancel } = useRun(source);

  const start = async (how?: "plan") => {
    const query = editor.current?.runnable();
    if (!query || running) {
      return;
    }
    const text = editor.current?.text() ?? "";
    editor.current?.mark(null);
    setFailed(undefined);
    remember(owner, query.text);
    const position = (await run(query.text, how))?.sql?.position;
    if (position === undefined) {
      return;
    }
    const within = rangeAt(query.text, position);
    const range = { from: within.from + query.from, to: within.to + query.from };
    setFailed({ text, range });
    // It may have been changed meanwhile: then the place is another one.
    if (editor.current?.text() === text) {
      editor.current.mark(range);
    }
  };
  const take = (text: string) => {
    editor.current?.replace(text);
    editor.current?.focus();
  };
  const insert = (name: string) => editor.current?.insert(name);
  return (
    <>
      <div className={classes.work}>
        <section className={classes.card} aria-label={s.editor}>
          <SqlEditor
            ref={editor}
            text={initial}
            schema={schema}
            onChange={(text) => keepDraft(owner, text)}
            onRun={() => void start()}
          />
          <Toolbar
            owner={owner}
            examples={examples}
            running={running}
            tablesShown={shown}
            onTables={() => setShown(!shown)}
            onRun={() => void start()}
            onPlan={source.plan && (() => void start("plan"))}
            onCancel={cancel}
            onTake={take}
          >
            {saved?.({ text: () => editor.current?.text() ?? "", take })}
          </Toolbar>
        </section>
        <Outcome
          outcome={outcome}
          running={running}
          text={failed?.text ?? ""}
          range={failed?.range}
          onShow={(index) => editor.current?.goTo(index)}
        />
      </div>
      <aside className={classes.schema} data-shown={shown || undefined} aria-labelledby="sql-tables">
        <Title order={2} size="h5" id="sql-tables">
          {s.tables}
        </Title>
        {tables(insert)}
      </aside>
    </>
  );
}
