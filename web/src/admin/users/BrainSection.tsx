import { Button, Text } from "@mantine/core";
import { type AdminUserDetail, type Brain, migrateUser } from "~/api/adminUsers";
import { readableSize } from "~/chat/attachments";
import { ago } from "~/settings/format";
import { Row, Section } from "~/settings/Section";
import settings from "~/settings/settings.module.css";
import { Tag } from "~/settings/Tag";
import { adminStrings } from "~/strings/admin";
import classes from "../admin.module.css";
import { Fact } from "../Fact";
import { writeMoment } from "../format";
import { useUserChange } from "./useUserChange";

const s = adminStrings.users;
const stateOf = ({ state }: Brain) => s.states[state] ?? state;

/** The private brain as it looks from outside: its schema's name, version and size. */
export function BrainSection({ user: { id, brain } }: { user: AdminUserDetail }) {
  const migrate = useUserChange(
    id,
    () => migrateUser(id),
    (now) => s.retryDone(stateOf(now)),
    s.retryFailed,
  );
  if (!brain) {
    return (
      <Section title={s.brain}>
        <Text size="sm" c="dimmed" className={settings.pad}>
          {s.noBrain}
        </Text>
      </Section>
    );
  }
  const { schema, version, latestVersion, state, failures, failedAt, migratedAt, createdAt, diskBytes } =
    brain;
  return (
    <Section
      title={s.brain}
      aside={
        <Tag color={state === "ok" ? "teal" : state === "behind" ? "gray" : "orange"}>{stateOf(brain)}</Tag>
      }
    >
      <dl className={classes.facts}>
        <Fact name={s.schema} value={schema} />
        <Fact name={s.version} value={s.versionOf(version, latestVersion)} />
        <Fact name={s.disk} value={readableSize(diskBytes)} />
        <Fact name={s.madeAt} value={writeMoment(createdAt)} />
        {migratedAt && <Fact name={s.migratedAt} value={writeMoment(migratedAt)} />}
      </dl>
      {(state === "failed" || state === "behind") && (
        <Row
          title={failures > 0 && failedAt ? s.failures(failures, ago(failedAt)) : stateOf(brain)}
          control={
            <Button size="xs" variant="default" loading={migrate.isPending} onClick={() => migrate.mutate()}>
              {s.retry}
            </Button>
          }
        >
          {s.retryText}
        </Row>
      )}
    </Section>
  );
}
