import { Text, Title, UnstyledButton } from "@mantine/core";
import { strings } from "~/strings";
import classes from "./chat.module.css";

/** The page before the first message: a question, and some beginnings to try. */
export function Greeting({ temporary, onPick }: { temporary: boolean; onPick: (prompt: string) => void }) {
  return (
    <div className={classes.greeting} id="main" tabIndex={-1}>
      <div className={classes.column}>
        <Title order={1} size="h2" ta="center" mb={temporary ? 4 : "xl"}>
          {temporary ? strings.chat.temporary.title : strings.chat.greeting}
        </Title>
        {temporary && (
          <Text c="dimmed" ta="center" mb="xl">
            {strings.chat.temporary.text}
          </Text>
        )}
        <div className={classes.suggestions}>
          {strings.chat.suggestions.map(({ title, prompt }) => (
            <UnstyledButton key={title} className={classes.suggestion} onClick={() => onPick(prompt)}>
              <Text fw={600} size="sm">
                {title}
              </Text>
              <Text size="sm" c="dimmed">
                {prompt}
              </Text>
            </UnstyledButton>
          ))}
        </div>
      </div>
    </div>
  );
}
