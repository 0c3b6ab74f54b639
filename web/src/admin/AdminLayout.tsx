import "./styles";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { adminStrings } from "~/strings/admin";
import classes from "./admin.module.css";
import { useFreshFactor } from "./factor";
import { pages } from "./nav";

/** The frame of the administration: its pages above, so that tables and charts have the whole width. */
export function AdminLayout() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const nav = useRef<HTMLElement>(null);
  const scroll = useRef<HTMLDivElement>(null);
  useFreshFactor();

  // On narrow screens the navigation is wider than the page: the current one is moved into sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is another page.
  useEffect(() => {
    const row = nav.current;
    const link = row?.querySelector<HTMLElement>("[aria-current=page]");
    if (row && link) {
      row.scrollLeft = link.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
    if (scroll.current) {
      scroll.current.scrollTop = 0;
    }
  }, [path]);

  return (
    <div className={classes.view}>
      <nav className={classes.nav} aria-label={adminStrings.nav.label} ref={nav}>
        {pages.map(({ to, label, Icon, exact }) => (
          <Link
            key={to}
            to={to}
            className={classes.link}
            activeOptions={{ exact, includeSearch: false }}
            activeProps={{ "aria-current": "page" }}
          >
            <Icon size={17} aria-hidden />
            {label}
          </Link>
        ))}
      </nav>
      <div className={classes.scroll} ref={scroll}>
        <Outlet />
      </div>
    </div>
  );
}
