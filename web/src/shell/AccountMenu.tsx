import { Menu, SegmentedControl, Text, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { IconLogout, IconUserCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "~/api/session";
import { signOut } from "~/auth/service";
import { strings } from "~/strings";
import classes from "./shell.module.css";

const s = strings.shell;

/** Who is signed in, the appearance, and the way out. */
export function AccountMenu() {
  const { data } = useQuery(sessionQuery);
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });

  const leave = async () => {
    await signOut().catch(() => undefined);
    try {
      sessionStorage.clear();
    } catch {
      // There was none.
    }
    // A whole new page: nothing of this account stays in memory.
    location.assign("/auth/login");
  };
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
        <Text size="xs" c="dimmed" px="sm" py={6}>
          {s.theme}
        </Text>
        <SegmentedControl
          aria-label={s.theme}
          fullWidth
          size="xs"
          mx="xs"
          mb="xs"
          value={colorScheme}
          onChange={(value) => setColorScheme(value as "light" | "dark" | "auto")}
          data={[
            { value: "auto", label: s.auto },
            { value: "light", label: s.light },
            { value: "dark", label: s.dark },
          ]}
        />
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
          {strings.auth.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
