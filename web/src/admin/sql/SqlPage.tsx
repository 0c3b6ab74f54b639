import { Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { adminSchemaQuery, planAdminSql, runAdminSql } from "~/api/adminSql";
import { sessionQuery } from "~/api/session";
import { Loaded } from "~/settings/Loaded";
import { Console } from "~/sql/Console";
import { SchemaPanel } from "~/sql/SchemaPanel";
import classes from "~/sql/sql.module.css";
import type { Source } from "~/sql/useRun";
import { strings } from "~/strings";
import { adminStrings } from "~/strings/admin";
import { noteStale } from "../factor";
import { examples } from "./examples";
import { SavedQueries } from "./SavedQueries";

const s = adminStrings.sql;

/** Calls something, and sees to it that a second factor that is too old is asked for again. */
function watched<T>(call: (query: string, signal: AbortSignal) => Promise<T>) {
  return async (query: string, signal: AbortSignal): Promise<T> => {
    try {
      return await call(query, signal);
    } catch (error) {
      noteStale(error);
      throw error;
    }
  };
}

const source: Source = { run: watched(runAdminSql), plan: watched(planAdminSql) };

/** SQL over the public brain. */
export function SqlPage() {
  useDocumentTitle(`${adminStrings.nav.sql} · ${adminStrings.title} · ${strings.app.name}`);
  const schema = useQuery(adminSchemaQuery);
  const session = useQuery(sessionQuery);
  const user = session.data?.user.id;
  return (
    <div className={classes.view} id="main" tabIndex={-1}>
      <div className={classes.frame}>
        <header className={`${classes.lead} ${classes.plainLead}`}>
          <Title order={1} size="h2">
            {adminStrings.nav.sql}
          </Title>
          <Text c="dimmed" mt={4}>
            {s.lead}
          </Text>
        </header>
        {user && (
          <Console
            key={user}
            owner={`admin:${user}`}
            source={source}
            examples={examples}
            schema={schema.data}
            saved={(held) => <SavedQueries held={held} />}
            tables={(onInsert) => (
              <Loaded query={schema} lines={6}>
                {(loaded) => <SchemaPanel schema={loaded} onInsert={onInsert} />}
              </Loaded>
            )}
          />
        )}
      </div>
    </div>
  );
}
