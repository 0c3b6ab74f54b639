import { Menu, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import {
  IconKeyboard,
  IconLogout,
  IconSettings,
  IconShieldCog,
  IconSql,
  IconUserCircle,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { sessionQuery } from "~/api/session";
import { useSignOut } from "~/auth/useSignOut";
import { strings } from "~/strings";
import { openDialog } from "./overlays";
import classes from "./shell.module.css";

const s = strings.shell;

/** Who is signed in, the appearance, and the way out. */
export function AccountMenu() {
  const { data } = useQuery(sessionQuery);
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });

  const leave = useSignOut();
  const email = data?.user.email ?? s.account;
  return (
    <Menu position="top-start" width={256} withinPortal>
      <Menu.Target>
        <UnstyledButton className={classes.account} aria-label={`${s.account}: ${email}`}>
          <IconUserCircle size={20} aria-hidden />
          <span className={classes.email}>{email}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{s.theme}</Menu.Label>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(value) => setColorScheme(value as "light" | "dark" | "auto")}
        >
          <Menu.RadioItem value="auto">{s.auto}</Menu.RadioItem>
          <Menu.RadioItem value="light">{s.light}</Menu.RadioItem>
          <Menu.RadioItem value="dark">{s.dark}</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings" leftSection={<IconSettings size={16} />}>
          {s.settings}
        </Menu.Item>
        <Menu.Item component={Link} to="/sql" leftSection={<IconSql size={16} />}>
          {s.sql}
        </Menu.Item>
        {data?.admin && (
          <Menu.Item component={Link} to="/admin" leftSection={<IconShieldCog size={16} />}>
            {s.admin}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={() => openDialog("shortcuts")}>
          {strings.shortcuts.show}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
          {strings.auth.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
