import "./styles";
import { Link, Outlet } from "@tanstack/react-router";
import { useCurrentPage } from "~/lib/useCurrentPage";
import { settingsStrings } from "~/strings/settings";
import { pages } from "./nav";
import classes from "./settings.module.css";

/** The frame of the settings: their pages at the side, where there is little room above. */
export function SettingsLayout() {
  const { nav, scroll } = useCurrentPage();
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
