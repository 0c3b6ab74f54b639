import { Text, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./settings.module.css";

interface Props {
  title: string;
  description?: ReactNode;
  /** Beside the title: the state, or what can be done with the whole. */
  aside?: ReactNode;
  children?: ReactNode;
  /** Without a border, for what brings its own. */
  bare?: boolean;
}

/** A titled part of a page. */
export function Section({ title, description, aside, children, bare }: Props) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={classes.section}>
      <div className={classes.sectionHead}>
        <Title order={2} size="h4" id={id}>
          {title}
        </Title>
        {aside}
      </div>
      {description && (
        <Text size="sm" c="dimmed" mt={2}>
          {description}
        </Text>
      )}
      {children && <div className={bare ? classes.bare : classes.card}>{children}</div>}
    </section>
  );
}

interface RowProps {
  title: ReactNode;
  children?: ReactNode;
  /** At the end of the row, below it where there is little room. */
  control?: ReactNode;
  icon?: ReactNode;
}

/** One line of a section. */
export function Row({ title, children, control, icon }: RowProps) {
  return (
    <div className={classes.row}>
      {icon && <div className={classes.rowIcon}>{icon}</div>}
      <div className={classes.rowText}>
        <div className={classes.rowTitle}>{title}</div>
        {children && (
          <Text size="sm" c="dimmed" component="div">
            {children}
          </Text>
        )}
      </div>
      {control && <div className={classes.rowControl}>{control}</div>}
    </div>
  );
}
