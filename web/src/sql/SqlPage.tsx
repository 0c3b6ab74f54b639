import { Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { sessionQuery } from "~/api/session";
import { type SqlSchema, sqlSchemaQuery } from "~/api/sql";
import { Loaded } from "~/settings/Loaded";
import { ButtonLink } from "~/shell/links";
import { Page } from "~/shell/RouteError";
import { strings } from "~/strings";
import { sqlStrings } from "~/strings/sql";
import type { Editor } from "./editor";
import { examples } from "./examples";
import { draftOf, keepDraft, remember } from "./history";
import { Outcome } from "./Outcome";
import { type Range, rangeAt } from "./position";
import { SchemaPanel } from "./SchemaPanel";
import { SqlEditor } from "./SqlEditor";
import classes from "./sql.module.css";
import { Toolbar } from "./Toolbar";
import { useRun } from "./useRun";

const s = sqlStrings;

/** SQL over one's own data. */
export function SqlPage() {
  useDocumentTitle(`${s.title} · ${strings.app.name}`);
  const schema = useQuery(sqlSchemaQuery);
  const session = useQuery(sessionQuery);
  const user = session.data?.user.id;
  if (schema.data === null) {
    return (
      <div id="main" tabIndex={-1}>
        <Page title={s.none} text={s.noneText}>
          <ButtonLink to="/settings/data">{s.toExport}</ButtonLink>
        </Page>
      </div>
    );
  }
  return (
    <div className={classes.view} id="main" tabIndex={-1}>
      <div className={classes.frame}>
        <header className={classes.lead}>
          <Title order={1} size="h2">
            {s.title}
          </Title>
          <Text c="dimmed" mt={4}>
            {s.lead}
          </Text>
        </header>
        {user && (
          <Console
            key={user}
            user={user}
            schema={schema.data}
            tables={(onInsert) => (
              <Loaded query={schema} lines={6}>
                {(loaded) => loaded && <SchemaPanel schema={loaded} onInsert={onInsert} />}
              </Loaded>
            )}
          />
        )}
      </div>
    </div>
  );
}

interface ConsoleProps {
  user: string;
  schema: SqlSchema | undefined;
  tables: (onInsert: (name: string) => void) => React.ReactNode;
}

/** The editor, what it brings, and beside them what there is. */
function Console({ user, schema, tables }: ConsoleProps) {
  const editor = useRef<Editor>(undefined);
  const [initial] = useState(() => draftOf(user) ?? examples[0]?.sql ?? "");
  const [failed, setFailed] = useState<{ text: string; range: Range | undefined }>();
  const [shown, setShown] = useState(false);
  const { running, outcome, run, cancel } = useRun();

  const start = async () => {
    const query = editor.current?.runnable();
    if (!query || running) {
      return;
    }
    const text = editor.current?.text() ?? "";
    editor.current?.mark(null);
    setFailed(undefined);
    remember(user, query.text);
    const position = (await run(query.text))?.sql?.position;
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
            onChange={(text) => keepDraft(user, text)}
            onRun={() => void start()}
          />
          <Toolbar
            user={user}
            running={running}
            tablesShown={shown}
            onTables={() => setShown(!shown)}
            onRun={() => void start()}
            onCancel={cancel}
            onTake={take}
          />
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
