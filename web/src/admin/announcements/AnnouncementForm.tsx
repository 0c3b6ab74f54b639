import { Button, Group, SegmentedControl, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import {
  type Announcement,
  allAnnouncementsQuery,
  announce,
  announcementsQuery,
  changeAnnouncement,
  type Level,
} from "~/api/announcements";
import { succeeded } from "~/settings/notices";
import { Trouble } from "~/settings/Trouble";
import { Banner } from "~/shell/Announcements";
import { adminStrings } from "~/strings/admin";
import { settingsStrings } from "~/strings/settings";
import classes from "../admin.module.css";
import { fromField, toField } from "../format";

const s = adminStrings.announcements;
const levels = ["info", "warning", "critical"] as const;
/** The server's limit, in characters. */
const longest = 1000;

interface Props {
  /** Absent: a new one is made. */
  announcement?: Announcement;
  onDone: () => void;
}

/** Where an announcement is written, with how it will look. */
export function AnnouncementForm({ announcement, onDone }: Props) {
  const cache = useQueryClient();
  const [level, setLevel] = useState<Level>(announcement?.level ?? "info");
  const [text, setText] = useState(announcement?.text ?? "");
  const [starts, setStarts] = useState(toField(announcement?.startsAt ?? null));
  const [ends, setEnds] = useState(toField(announcement?.endsAt ?? null));
  const [checked, setChecked] = useState(false);
  const length = [...text.trim()].length;
  const save = useMutation({
    mutationFn: () => {
      // What was not touched keeps its seconds.
      const kept = announcement && starts === toField(announcement.startsAt);
      const startsAt = kept ? announcement.startsAt : fromField(starts);
      const wish = { level, text: text.trim(), startsAt, endsAt: fromField(ends) };
      return announcement ? changeAnnouncement(announcement.id, wish) : announce(wish);
    },
    onSuccess: () => {
      succeeded(s.saved);
      onDone();
    },
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: allAnnouncementsQuery.queryKey }),
        cache.invalidateQueries({ queryKey: announcementsQuery.queryKey }),
      ]),
  });
  const wrong = wrongEnd(starts, ends);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (length > 0 && length <= longest && !wrong) {
      save.mutate();
    }
  };
  return (
    <form onSubmit={submit} noValidate className={classes.form}>
      <Stack gap="md">
        <div>
          <SegmentedControl
            size="xs"
            aria-label={s.level}
            value={level}
            onChange={(value) => setLevel(value as Level)}
            data={levels.map((value) => ({ value, label: s.levels[value] ?? value }))}
          />
          {level === "critical" && (
            <Text size="xs" c="dimmed" mt={4} role="status">
              {s.criticalHint}
            </Text>
          )}
        </div>
        <Textarea
          label={s.text}
          description={s.length(length, longest)}
          autosize
          minRows={2}
          maxRows={8}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={length > longest || (checked && length === 0)}
          autoFocus
        />
        <div className={classes.fields}>
          <TextInput
            type="datetime-local"
            label={s.starts}
            description={s.startsHint}
            value={starts}
            onChange={(event) => setStarts(event.currentTarget.value)}
          />
          <TextInput
            type="datetime-local"
            label={s.ends}
            description={s.endsHint}
            value={ends}
            onChange={(event) => setEnds(event.currentTarget.value)}
            error={wrong}
          />
        </div>
        {length > 0 && (
          <div>
            <Text size="sm" fw={600} mb={4}>
              {s.preview}
            </Text>
            <div className={classes.preview}>
              <Banner level={level} text={text.trim()} />
            </div>
          </div>
        )}
        {save.error && <Trouble error={save.error} title={s.failed} />}
        <Group gap="xs">
          <Button type="submit" size="xs" loading={save.isPending}>
            {announcement ? s.save : s.submit}
          </Button>
          <Button size="xs" variant="default" onClick={onDone}>
            {settingsStrings.common.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Why it cannot end then. Both as their fields hold them, in the same zone: they compare as texts. */
function wrongEnd(starts: string, ends: string): string | undefined {
  if (ends === "") {
    return undefined;
  }
  if (starts !== "" && ends <= starts) {
    return s.endsFirst;
  }
  return ends <= toField(new Date().toISOString()) ? s.endsPast : undefined;
}
