import { Group } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type AdminUserDetail, userQuery } from "~/api/adminUsers";
import { ago, money, short } from "~/settings/format";
import { Loaded } from "~/settings/Loaded";
import { Section } from "~/settings/Section";
import { Tag } from "~/settings/Tag";
import { AnchorLink } from "~/shell/links";
import { adminStrings } from "~/strings/admin";
import { AdminPage } from "../AdminPage";
import classes from "../admin.module.css";
import { Fact } from "../Fact";
import { writeMoment } from "../format";
import { told } from "../limits";
import { AccountSection } from "./AccountSection";
import { BrainSection } from "./BrainSection";
import { PlanSection } from "./PlanSection";

const s = adminStrings.users;

/** One account: everything that is known of it from outside, and what can be done to it. */
export function UserPage() {
  const { userId } = useParams({ from: "/app/admin/users/$userId" });
  const query = useQuery(userQuery(userId));
  const user = query.data;
  return (
    <AdminPage
      title={user ? (user.email ?? s.noAddress) : adminStrings.nav.users}
      lead={
        <Group gap="xs">
          <AnchorLink to="/admin/users" search={{}} size="sm">
            <IconArrowLeft size={14} aria-hidden /> {s.back}
          </AnchorLink>
          {user && (
            <>
              <Tag color={user.state === "active" ? "teal" : "orange"}>{s.accountStates[user.state]}</Tag>
              {user.admin && <Tag color="indigo">{s.admin}</Tag>}
            </>
          )}
        </Group>
      }
    >
      <Loaded query={query} lines={10}>
        {(found) => <Everything key={found.id} user={found} />}
      </Loaded>
    </AdminPage>
  );
}

function Everything({ user }: { user: AdminUserDetail }) {
  return (
    <>
      <UsageSection user={user} />
      <PlanSection user={user} />
      <AccountSection user={user} />
      <BrainSection user={user} />
    </>
  );
}

function UsageSection({ user: { usage, plan } }: { user: AdminUserDetail }) {
  const { day, month, last30Days, lastActiveAt } = usage;
  const { messagesPerDay, messagesPerMonth, costPerDayMicroUsd } = plan.effective;
  const of = (limit: string, is: number | null) => (is === null ? undefined : s.of(limit));
  return (
    <Section title={s.usage}>
      <dl className={classes.facts}>
        <Fact
          name={s.today}
          value={short(day.messages)}
          note={of(told("messagesPerDay", messagesPerDay), messagesPerDay)}
        />
        <Fact
          name={s.todayCost}
          value={money(day.costMicroUsd)}
          note={[
            of(told("costPerDayMicroUsd", costPerDayMicroUsd), costPerDayMicroUsd),
            day.reservedMicroUsd > 0 ? s.reserved(money(day.reservedMicroUsd)) : undefined,
          ]
            .filter(Boolean)
            .join(", ")}
        />
        <Fact
          name={s.month}
          value={short(month.messages)}
          note={of(told("messagesPerMonth", messagesPerMonth), messagesPerMonth)}
        />
        <Fact name={s.last30} value={short(last30Days.messages)} note={s.tokens(short(last30Days.tokens))} />
        <Fact
          name={s.last30Cost}
          value={money(last30Days.costMicroUsd)}
          note={last30Days.ownKeyMicroUsd > 0 ? s.own(money(last30Days.ownKeyMicroUsd)) : undefined}
        />
        <Fact
          name={s.lastActive}
          value={lastActiveAt === null ? s.never : ago(lastActiveAt)}
          note={lastActiveAt === null ? undefined : writeMoment(lastActiveAt)}
        />
      </dl>
    </Section>
  );
}
