import { Button, Text, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { type AdminUser, usersQuery } from "~/api/adminUsers";
import { Waiting } from "~/settings/Loaded";
import settings from "~/settings/settings.module.css";
import { Tag } from "~/settings/Tag";
import { Trouble } from "~/settings/Trouble";
import { AnchorLink } from "~/shell/links";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { DataTable } from "../DataTable";
import { writeDate } from "../format";
import { More } from "../More";

const s = adminStrings.users;

/** Accounts, and finding one. */
export function UsersPage() {
  const { q = "" } = useSearch({ from: "/app/admin/users" });
  return (
    <AdminPage title={adminStrings.nav.users} lead={s.lead}>
      <Search key={q} q={q} />
      <Found q={q} />
    </AdminPage>
  );
}

function Search({ q }: { q: string }) {
  const navigate = useNavigate();
  const [text, setText] = useState(q);
  const find = (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.trim();
    void navigate({ to: "/admin/users", search: wanted === "" ? {} : { q: wanted } });
  };
  return (
    <search>
      <form className={classes.search} onSubmit={find}>
        <TextInput
          label={s.search}
          placeholder={s.placeholder}
          type="search"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button type="submit">{s.find}</Button>
      </form>
    </search>
  );
}

function Found({ q }: { q: string }) {
  const query = useInfiniteQuery(usersQuery(q));
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } = query;
  const users = data?.pages.flatMap((page) => page.users);
  // A page can be empty with more behind it.
  const blank = users?.length === 0 && hasNextPage && !isFetchingNextPage;
  useEffect(() => {
    if (blank) {
      void fetchNextPage();
    }
  }, [blank, fetchNextPage]);
  if (error && !users) {
    return <Trouble error={error} onRetry={() => void refetch()} />;
  }
  if (isPending || !users) {
    return <Waiting lines={6} />;
  }
  if (users.length === 0 && !hasNextPage) {
    return (
      <Text c="dimmed" role="status">
        {s.empty}
      </Text>
    );
  }
  return (
    <div>
      <div className={settings.card}>
        <DataTable
          label={adminStrings.nav.users}
          rows={users}
          keyOf={({ id }) => id}
          columns={[
            { label: s.columns.user, cell: (user) => <Who user={user} /> },
            { label: s.columns.plan, cell: ({ plan }) => plan?.name ?? adminStrings.common.none },
            { label: s.columns.state, cell: (user) => <State user={user} /> },
            { label: s.columns.since, cell: ({ createdAt }) => writeDate(createdAt) },
          ]}
        />
      </div>
      <More query={query} />
    </div>
  );
}

function Who({ user: { id, email } }: { user: AdminUser }) {
  return (
    <>
      <AnchorLink to="/admin/users/$userId" params={{ userId: id }} size="sm">
        {email ?? s.noAddress}
      </AnchorLink>
      <div className={classes.mono}>{id}</div>
    </>
  );
}

function State({ user: { state, registered } }: { user: AdminUser }) {
  if (state === "suspended") {
    return <Tag color="orange">{s.suspended}</Tag>;
  }
  return <Tag color={registered ? "teal" : "gray"}>{registered ? s.active : s.neverSignedIn}</Tag>;
}
