import {
  IconChartHistogram,
  IconClipboardList,
  IconCpu,
  IconLayoutDashboard,
  IconSpeakerphone,
  IconSql,
  IconUsers,
} from "@tabler/icons-react";
import { adminStrings } from "~/strings/admin";

const s = adminStrings.nav;

/** The pages of the administration, in the order of the navigation. */
export const pages = [
  { to: "/admin", label: s.overview, Icon: IconLayoutDashboard, exact: true },
  { to: "/admin/users", label: s.users, Icon: IconUsers, exact: false },
  { to: "/admin/plans", label: s.plans, Icon: IconChartHistogram, exact: false },
  { to: "/admin/models", label: s.models, Icon: IconCpu, exact: false },
  { to: "/admin/announcements", label: s.announcements, Icon: IconSpeakerphone, exact: false },
  { to: "/admin/sql", label: s.sql, Icon: IconSql, exact: false },
  { to: "/admin/audit", label: s.audit, Icon: IconClipboardList, exact: false },
] as const;
