import { Button, Text } from "@mantine/core";
import { IconHourglass } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { strings } from "~/strings";
import classes from "./chat.module.css";
import { fleetingDraft, moveDraft, newChatDraft } from "./drafts";
import { temporaryId } from "./temporary";

const s = strings.chat.temporary;

interface Props {
  temporary: boolean;
  /** There is something in it already: it can be ended, and is no other kind of chat any more. */
  begun: boolean;
  /** Files are on their way: they go where the draft is now. */
  uploading: boolean;
}

/** Above a new chat: whether it shall be temporary. Above a temporary one: that it is, and the way to end it. */
export function TemporaryBar({ temporary, begun, uploading }: Props) {
  const navigate = useNavigate();
  const toggle = () => {
    const fleeting = fleetingDraft(temporaryId.get());
    moveDraft(temporary ? fleeting : newChatDraft, temporary ? newChatDraft : fleeting);
    void navigate({ to: "/", search: temporary ? {} : { temporary: true }, replace: true });
  };
  const end = () => void navigate({ to: "/", search: {}, replace: true, ignoreBlocker: true });
  return (
    <div className={classes.temporary} data-begun={begun || undefined}>
      {begun && (
        <Text size="sm" c="dimmed" className={classes.temporaryText} role="note">
          <strong className={classes.temporaryName}>
            <IconHourglass size={16} aria-hidden /> {s.title}
          </strong>
          <span>{s.text}</span>
        </Text>
      )}
      {begun ? (
        <Button size="compact-sm" variant="default" flex="none" onClick={end}>
          {s.end}
        </Button>
      ) : (
        <Button
          role="switch"
          aria-checked={temporary}
          size="compact-sm"
          flex="none"
          variant={temporary ? "light" : "subtle"}
          color={temporary ? undefined : "gray"}
          leftSection={<IconHourglass size={16} />}
          disabled={uploading}
          onClick={toggle}
        >
          {s.title}
        </Button>
      )}
    </div>
  );
}
