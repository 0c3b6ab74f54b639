import { ActionIcon, Burger } from "@mantine/core";
import { useDisclosure, useDocumentTitle, useHotkeys } from "@mantine/hooks";
import { IconEdit } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { conversationsQuery } from "~/api/conversations";
import { strings } from "~/strings";
import { Logo } from "./Logo";
import { Sidebar } from "./Sidebar";
import classes from "./shell.module.css";

/** The frame around the chat: conversations at the side, on narrow screens behind a button. */
export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const { conversationId } = useParams({ strict: false });
  const path = useRouterState({ select: (state) => state.location.pathname });

  // biome-ignore lint/correctness/useExhaustiveDependencies: going anywhere closes the menu.
  useEffect(close, [path]);
  useHotkeys([["Escape", close]]);
  useTitle(conversationId);

  return (
    <div className={classes.shell}>
      <a href="#conversation" className="tb-skip">
        {strings.app.skip}
      </a>
      <aside className={classes.sidebar} data-opened={opened || undefined}>
        <Sidebar onClose={close} />
      </aside>
      {opened && (
        <button type="button" className={classes.veil} aria-label={strings.shell.closeMenu} onClick={close} />
      )}
      <header className={classes.header}>
        <Burger opened={opened} onClick={toggle} size="sm" aria-label={strings.shell.openMenu} />
        <Logo size={22} />
        <ActionIcon
          component={Link}
          to="/"
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={strings.list.newChat}
          data-hidden={conversationId === undefined || undefined}
          className={classes.headerNew}
        >
          <IconEdit size={20} />
        </ActionIcon>
      </header>
      <main className={classes.main}>
        <Outlet />
      </main>
    </div>
  );
}

/** Names the tab after the conversation. */
function useTitle(conversationId: string | undefined) {
  const { data } = useInfiniteQuery(conversationsQuery(false));
  const found = data?.pages.flatMap((page) => page.items).find(({ id }) => id === conversationId);
  useDocumentTitle(found?.title ? `${found.title} · ${strings.app.name}` : strings.app.name);
}
