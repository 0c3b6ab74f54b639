import "./styles";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { settingsStrings } from "~/strings/settings";
import { pages } from "./nav";
import classes from "./settings.module.css";

/** The frame of the settings: their pages at the side, where there is little room above. */
export function SettingsLayout() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const nav = useRef<HTMLElement>(null);
  const scroll = useRef<HTMLDivElement>(null);

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
    <div className={classes.view} ref={scroll}>
      <div className={classes.frame}>
        <nav className={classes.nav} aria-label={settingsStrings.nav.label} ref={nav}>
          {pages.map(({ to, label, Icon }) => (
            <Link key={to} to={to} className={classes.link} activeProps={{ "aria-current": "page" }}>
              <Icon size={18} aria-hidden />
              {label}
            </Link>
          ))}
        </nav>
        <div className={classes.page} id="main" tabIndex={-1}>
          <Outlet />
        </div>
      </div>
    </div>
  );
}
