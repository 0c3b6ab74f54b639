import {
  IconBrain,
  IconChartBar,
  IconCpu,
  IconDatabase,
  IconKey,
  IconNotes,
  IconPalette,
  IconTool,
  IconUser,
} from "@tabler/icons-react";
import { settingsStrings } from "~/strings/settings";

const s = settingsStrings.nav;

/** The pages of the settings, in the order of the navigation. */
export const pages = [
  { to: "/settings/profile", label: s.profile, Icon: IconUser },
  { to: "/settings/usage", label: s.usage, Icon: IconChartBar },
  { to: "/settings/models", label: s.models, Icon: IconCpu },
  { to: "/settings/keys", label: s.keys, Icon: IconKey },
  { to: "/settings/instructions", label: s.instructions, Icon: IconNotes },
  { to: "/settings/memory", label: s.memory, Icon: IconBrain },
  { to: "/settings/tools", label: s.tools, Icon: IconTool },
  { to: "/settings/data", label: s.data, Icon: IconDatabase },
  { to: "/settings/appearance", label: s.appearance, Icon: IconPalette },
] as const;
