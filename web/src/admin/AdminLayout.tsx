import "./styles";
import { Link, Outlet } from "@tanstack/react-router";
import { useCurrentPage } from "~/lib/useCurrentPage";
import { adminStrings } from "~/strings/admin";
import classes from "./admin.module.css";
import { useFreshFactor } from "./factor";
import { pages } from "./nav";

/** The frame of the administration: its pages above, so that tables and charts have the whole width. */
export function AdminLayout() {
  const { nav, scroll } = useCurrentPage();
  useFreshFactor();
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
