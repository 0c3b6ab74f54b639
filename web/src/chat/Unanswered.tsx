import { Button, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { strings } from "~/strings";
import { useActions } from "./actions";
import classes from "./chat.module.css";

const s = strings.chat.unanswered;

/** Longer than it takes to find out, when a conversation is opened, that its reply is under way. */
const patience = 800;

/** That a message has no reply, because it was stopped before there was a word of it. */
export function Unanswered() {
  const { regenerate } = useActions();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), patience);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) {
    return null;
  }
  return (
    <div className={classes.recovering} role="status">
      <Text size="sm">{s.text}</Text>
      <Button size="compact-xs" variant="subtle" onClick={() => regenerate()}>
        {s.again}
      </Button>
    </div>
  );
}
