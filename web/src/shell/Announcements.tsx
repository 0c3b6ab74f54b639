import { CloseButton } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { shown } from "~/admin/announcements/period";
import { announcementsQuery, type Level } from "~/api/announcements";
import { strings } from "~/strings";
import classes from "./announcements.module.css";

/** So many dismissed ones are remembered: there are never that many at once. */
const remembered = 50;

/** What the operator tells everybody, above the page. All but critical ones can be dismissed, in this browser. */
export default function Announcements() {
  const { data = [] } = useQuery(announcementsQuery);
  const [dismissed, setDismissed] = useLocalStorage<string[]>({
    key: "tb-announcements",
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  return shown(data, dismissed).map(({ id, level, text }) => (
    <Banner
      key={id}
      level={level}
      text={text}
      live
      onDismiss={
        level === "critical" ? undefined : () => setDismissed((before) => [...before, id].slice(-remembered))
      }
    />
  ));
}

interface Props {
  level: Level;
  text: string;
  /** It is said to screen readers as it comes. */
  live?: boolean;
  onDismiss?: () => void;
}

/** One announcement. */
export function Banner({ level, text, live, onDismiss }: Props) {
  const Icon = level === "info" ? IconInfoCircle : IconAlertTriangle;
  const role = level === "critical" ? "alert" : "status";
  return (
    <div className={classes.banner} data-level={level} role={live ? role : undefined}>
      <Icon size={18} aria-hidden />
      <p>{text}</p>
      {onDismiss && <CloseButton size="sm" aria-label={strings.problems.dismiss} onClick={onDismiss} />}
    </div>
  );
}
