import { Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Logo } from "~/shell/Logo";
import classes from "./auth.module.css";

interface Props {
  title: string;
  subtitle?: ReactNode;
  children?: ReactNode;
  /** Below the card: the way to another page. */
  footer?: ReactNode;
}

/** The frame of every page before there is a session. */
export function AuthCard({ title, subtitle, children, footer }: Props) {
  return (
    <main className={classes.page}>
      <Stack gap="lg" className={classes.column}>
        <Logo size={30} />
        <Paper className={classes.card} radius="lg" withBorder>
          <Stack gap="lg">
            <div>
              <Title order={1} size="h2">
                {title}
              </Title>
              {subtitle && (
                <Text c="dimmed" mt={6}>
                  {subtitle}
                </Text>
              )}
            </div>
            {children}
          </Stack>
        </Paper>
        {footer && (
          <Text c="dimmed" size="sm" ta="center">
            {footer}
          </Text>
        )}
      </Stack>
    </main>
  );
}
