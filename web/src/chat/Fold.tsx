import { IconChevronRight } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./chat.module.css";

interface Props {
  icon: ReactNode;
  label: ReactNode;
  /** Something is still going on in here. */
  busy?: boolean;
  /** It went wrong in here. */
  failed?: boolean;
  children: ReactNode;
}

/** A line that opens to show more. */
export function Fold({ icon, label, busy, failed, children }: Props) {
  return (
    <details className={classes.fold}>
      <summary data-busy={busy || undefined} data-failed={failed || undefined}>
        {icon}
        <span>{label}</span>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
      </summary>
      <div className={classes.foldBody}>{children}</div>
    </details>
  );
}
