import { Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { strings } from "~/strings";
import { adminStrings } from "~/strings/admin";
import classes from "./admin.module.css";

interface Props {
  title: string;
  lead?: ReactNode;
  /** Beside the title: what can be done with the whole. */
  aside?: ReactNode;
  children: ReactNode;
}

/** One page of the administration. */
export function AdminPage({ title, lead, aside, children }: Props) {
  useDocumentTitle(`${title} · ${adminStrings.title} · ${strings.app.name}`);
  return (
    <div className={classes.page} id="main" tabIndex={-1}>
      <Stack gap="xl">
        <div>
          <div className={classes.head}>
            <Title order={1} size="h2" className={classes.title}>
              {title}
            </Title>
            {aside}
          </div>
          {lead && (
            <Text c="dimmed" mt={4} component="div">
              {lead}
            </Text>
          )}
        </div>
        {children}
      </Stack>
    </div>
  );
}
