import { ActionIcon, Burger, Tooltip } from "@mantine/core";
import { useDisclosure, useDocumentTitle, useHotkeys, useLocalStorage } from "@mantine/hooks";
import { IconEdit, IconLayoutSidebarLeftExpand } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useParams, useRouterState } from "@tanstack/react-router";
import { type FocusEvent, lazy, Suspense, useEffect } from "react";
import { conversationsQuery, refreshConversations } from "~/api/conversations";
import { useCell } from "~/lib/cell";
import { onTabs } from "~/lib/tabs";
import { strings } from "~/strings";
import { overlaysId } from "~/theme";
import { Logo } from "./Logo";
import { OfflineBanner } from "./OfflineBanner";
import { closeDialog, dialog } from "./overlays";
import { Sidebar } from "./Sidebar";
import classes from "./shell.module.css";
import { useShortcuts } from "./useShortcuts";

const Announcements = lazy(() => import("./Announcements"));
const Palette = lazy(() => import("./Palette"));
const ShortcutsHelp = lazy(() => import("./ShortcutsHelp"));

/** The frame around the pages: conversations at the side, on narrow screens behind a button. */
export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const [collapsed, setCollapsed] = useLocalStorage({ key: "sidebar-collapsed", defaultValue: false });
  const { conversationId } = useParams({ strict: false });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const temporary = useRouterState({ select: ({ location }) => "temporary" in location.search });
  const overlay = useCell(dialog);

  // biome-ignore lint/correctness/useExhaustiveDependencies: going anywhere closes the menu.
  useEffect(close, [path]);
  useHotkeys([["Escape", close]]);
  useShortcuts({
    toggleSidebar: () => (matchMedia("(max-width: 48em)").matches ? toggle() : setCollapsed((is) => !is)),
  });
  useNewsOfTabs();

  // The skip link leads here, and on to what scrolls, so that the arrow keys work.
  const onFocus = ({ target, currentTarget }: FocusEvent) => {
    if (target === currentTarget) {
      document.getElementById("main")?.focus();
    }
  };
  return (
    <div className={classes.shell} data-collapsed={collapsed || undefined}>
      <a href="#content" className="tb-skip">
        {strings.app.skip}
      </a>
      {!/^\/(settings|sql|admin)/.test(path) && <Title conversationId={conversationId} />}
      <aside className={classes.sidebar} data-opened={opened || undefined}>
        <Sidebar onClose={close} onCollapse={() => setCollapsed(true)} />
      </aside>
      {opened && (
        <button type="button" className={classes.veil} aria-label={strings.shell.closeMenu} onClick={close} />
      )}
      <header className={classes.header}>
        <Burger opened={opened} onClick={toggle} size="sm" aria-label={strings.shell.openMenu} />
        <Logo size={22} />
        <NewChat hidden={path === "/" && !temporary} />
      </header>
      <div className={classes.reopen}>
        <Tooltip label={strings.shell.openMenu}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={strings.shell.openMenu}
            onClick={() => setCollapsed(false)}
          >
            <IconLayoutSidebarLeftExpand size={20} />
          </ActionIcon>
        </Tooltip>
      </div>
      <main className={classes.main} id="content" tabIndex={-1} onFocus={onFocus}>
        <OfflineBanner />
        <Suspense>
          <Announcements />
        </Suspense>
        <div className={classes.page}>
          <Outlet />
        </div>
        <div id={overlaysId} />
      </main>
      <Suspense>
        {overlay === "palette" && <Palette onClose={closeDialog} />}
        {overlay === "shortcuts" && <ShortcutsHelp onClose={closeDialog} />}
      </Suspense>
    </div>
  );
}

function NewChat({ hidden }: { hidden: boolean }) {
  return (
    <ActionIcon
      component={Link}
      to="/"
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={strings.list.newChat}
      data-hidden={hidden || undefined}
      className={classes.headerNew}
    >
      <IconEdit size={20} />
    </ActionIcon>
  );
}

/** Names the tab after the conversation. */
function Title({ conversationId }: { conversationId: string | undefined }) {
  const { data } = useInfiniteQuery(conversationsQuery(false));
  const found = data?.pages.flatMap((page) => page.items).find(({ id }) => id === conversationId);
  useDocumentTitle(found?.title ? `${found.title} · ${strings.app.name}` : strings.app.name);
  return null;
}

/** What other tabs do to conversations shows in this one's list. */
function useNewsOfTabs() {
  const cache = useQueryClient();
  useEffect(() => onTabs(() => void refreshConversations(cache)), [cache]);
}
