import { Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "~/api/session";
import { runSql, sqlSchemaQuery } from "~/api/sql";
import { Loaded } from "~/settings/Loaded";
import { ButtonLink } from "~/shell/links";
import { Page } from "~/shell/RouteError";
import { strings } from "~/strings";
import { sqlStrings } from "~/strings/sql";
import { Console } from "./Console";
import { examples } from "./examples";
import { SchemaPanel } from "./SchemaPanel";
import classes from "./sql.module.css";

const s = sqlStrings;
const source = { run: runSql };

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
            owner={user}
            source={source}
            examples={examples}
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
