import { Button, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { type AuditFilter, auditQuery } from "~/api/adminAudit";
import { Waiting } from "~/settings/Loaded";
import settings from "~/settings/settings.module.css";
import { Trouble } from "~/settings/Trouble";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { More } from "../More";
import { Entry } from "./Entry";

const s = adminStrings.audit;

/** What admins and operators did. */
export function AuditPage() {
  const { actor, subject, action } = useSearch({ from: "/app/admin/audit" });
  const filter = { actor, subject, action };
  return (
    <AdminPage title={adminStrings.nav.audit} lead={s.lead}>
      <Filter key={JSON.stringify(filter)} filter={filter} />
      <Entries filter={filter} />
    </AdminPage>
  );
}

function Filter({ filter }: { filter: AuditFilter }) {
  const navigate = useNavigate();
  const [actor, setActor] = useState(filter.actor ?? "");
  const [subject, setSubject] = useState(filter.subject ?? "");
  const [action, setAction] = useState(filter.action ?? "");
  const set = (text: string) => text.trim() || undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void navigate({
      to: "/admin/audit",
      search: { actor: set(actor), subject: set(subject), action: set(action) },
    });
  };
  return (
    <search>
      <form onSubmit={submit}>
        <div className={classes.fields}>
          <TextInput
            label={s.action}
            description={s.actionHint}
            autoComplete="off"
            spellCheck={false}
            value={action}
            onChange={(event) => setAction(event.currentTarget.value)}
          />
          <TextInput
            label={s.actor}
            description={s.actorHint}
            autoComplete="off"
            spellCheck={false}
            value={actor}
            onChange={(event) => setActor(event.currentTarget.value)}
          />
          <TextInput
            label={s.subject}
            description={s.subjectHint}
            autoComplete="off"
            spellCheck={false}
            value={subject}
            onChange={(event) => setSubject(event.currentTarget.value)}
          />
        </div>
        <div className={`${settings.rowControl} ${classes.form}`}>
          <Button type="submit" size="xs">
            {s.filter}
          </Button>
          <Button
            size="xs"
            variant="default"
            onClick={() => void navigate({ to: "/admin/audit", search: {} })}
          >
            {s.clear}
          </Button>
        </div>
      </form>
    </search>
  );
}

function Entries({ filter }: { filter: AuditFilter }) {
  const query = useInfiniteQuery(auditQuery(filter));
  const { data, error, isPending, refetch } = query;
  const entries = data?.pages.flatMap((page) => page.entries);
  if (error && !entries) {
    return <Trouble error={error} onRetry={() => void refetch()} />;
  }
  if (isPending || !entries) {
    return <Waiting lines={8} />;
  }
  if (entries.length === 0) {
    return (
      <Text c="dimmed" role="status">
        {s.empty}
      </Text>
    );
  }
  return (
    <div>
      <ol className={`${settings.card} ${settings.list}`} aria-label={s.label}>
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
      <More query={query} />
    </div>
  );
}
