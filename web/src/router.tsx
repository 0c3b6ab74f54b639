import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { type Lack, lackOf, onSignedOut, queryClient } from "./api/queryClient";
import { sessionQuery } from "./api/session";
import { safeReturnPath } from "./auth/flow";
import { NotFound, RouteError } from "./shell/RouteError";

interface AuthSearch {
  /** A flow that Kratos sent the browser back with. */
  flow?: string;
  /** The path to go to afterwards. */
  return_to?: string;
  /** Of an error or of a receipt, on its page. */
  id?: string;
  /** Of a login: the second factor is wanted. */
  aal?: "aal2";
  /** Of a login: somebody who is signed in is to show it once more. */
  refresh?: true;
}

/** What the audit log is narrowed to. */
interface AuditSearch {
  actor?: string;
  subject?: string;
  action?: string;
}

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: RouteError });

const auth = createRoute({
  getParentRoute: () => root,
  path: "auth",
  validateSearch: (search: Record<string, unknown>): AuthSearch => ({
    flow: text(search.flow),
    return_to: text(search.return_to),
    id: text(search.id),
    aal: search.aal === "aal2" ? "aal2" : undefined,
    refresh: search.refresh === true ? true : undefined,
  }),
  errorComponent: RouteError,
});

const page = (name: "Login" | "Registration" | "Verification" | "Recovery" | "Failed" | "Deleted") =>
  lazyRouteComponent(() => import("./auth/pages"), name);

const login = createRoute({ getParentRoute: () => auth, path: "login", component: page("Login") });
const registration = createRoute({
  getParentRoute: () => auth,
  path: "registration",
  component: page("Registration"),
});
const verification = createRoute({
  getParentRoute: () => auth,
  path: "verification",
  component: page("Verification"),
});
const recovery = createRoute({ getParentRoute: () => auth, path: "recovery", component: page("Recovery") });
// Kratos sends browsers here after a link to a provider, for instance.
const authSettings = createRoute({
  getParentRoute: () => auth,
  path: "settings",
  beforeLoad: ({ search: { flow } }) => {
    throw redirect({ to: "/settings/profile", search: { flow }, replace: true });
  },
});
const deleted = createRoute({ getParentRoute: () => auth, path: "deleted", component: page("Deleted") });
const failed = createRoute({ getParentRoute: () => auth, path: "error", component: page("Failed") });

const shared = createRoute({
  getParentRoute: () => root,
  path: "s/$shareId",
  component: lazyRouteComponent(() => import("./share/SharedPage"), "SharedPage"),
  errorComponent: RouteError,
});

const loadChat = () => import("./chat/ChatPage");

const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: async ({ location }) => {
    if (!/^\/(settings|sql|admin)/.test(location.pathname)) {
      void loadChat();
    }
    try {
      await queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      const lack = lackOf(error);
      if (lack) {
        throw redirect({ to: "/auth/login", search: loginSearch(lack, location.href), replace: true });
      }
      throw error;
    }
  },
  component: lazyRouteComponent(() => import("./shell/Shell"), "Shell"),
  errorComponent: RouteError,
});

// One page for both, so that a new chat turns into a stored one without being mounted anew.
const chat = createRoute({
  getParentRoute: () => app,
  id: "chat",
  component: lazyRouteComponent(loadChat, "ChatPage"),
});
const newChat = createRoute({
  getParentRoute: () => chat,
  path: "/",
  validateSearch: (search: Record<string, unknown>): { temporary?: true } =>
    search.temporary === true ? { temporary: true } : {},
});
const conversation = createRoute({
  getParentRoute: () => chat,
  path: "c/$conversationId",
  // The message to bring into view.
  validateSearch: (search: Record<string, unknown>): { message?: string } => {
    const message = typeof search.message === "number" ? String(search.message) : text(search.message);
    return message === undefined ? {} : { message };
  },
});

const loadSettings = () => import("./settings/pages");

const settings = createRoute({
  getParentRoute: () => app,
  path: "settings",
  component: lazyRouteComponent(loadSettings, "SettingsLayout"),
});
const settingsIndex = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/profile", search: {}, replace: true });
  },
});
const profile = createRoute({
  getParentRoute: () => settings,
  path: "profile",
  validateSearch: (search: Record<string, unknown>): { flow?: string } => ({ flow: text(search.flow) }),
  component: lazyRouteComponent(loadSettings, "ProfilePage"),
});
const usage = createRoute({
  getParentRoute: () => settings,
  path: "usage",
  component: lazyRouteComponent(loadSettings, "UsagePage"),
});
const keys = createRoute({
  getParentRoute: () => settings,
  path: "keys",
  component: lazyRouteComponent(loadSettings, "KeysPage"),
});
const models = createRoute({
  getParentRoute: () => settings,
  path: "models",
  component: lazyRouteComponent(loadSettings, "ModelsPage"),
});
const instructions = createRoute({
  getParentRoute: () => settings,
  path: "instructions",
  component: lazyRouteComponent(loadSettings, "InstructionsPage"),
});
const memory = createRoute({
  getParentRoute: () => settings,
  path: "memory",
  component: lazyRouteComponent(loadSettings, "MemoryPage"),
});
const tools = createRoute({
  getParentRoute: () => settings,
  path: "tools",
  component: lazyRouteComponent(loadSettings, "ToolsPage"),
});
const data = createRoute({
  getParentRoute: () => settings,
  path: "data",
  component: lazyRouteComponent(loadSettings, "DataPage"),
});
const appearance = createRoute({
  getParentRoute: () => settings,
  path: "appearance",
  component: lazyRouteComponent(loadSettings, "AppearancePage"),
});

const sql = createRoute({
  getParentRoute: () => app,
  path: "sql",
  component: lazyRouteComponent(() => import("./sql/SqlPage"), "SqlPage"),
});

const loadAdmin = () => import("./admin/pages");

const admin = createRoute({
  getParentRoute: () => app,
  path: "admin",
  // To everybody else there is nothing. The server says the same.
  beforeLoad: async () => {
    if (!(await queryClient.ensureQueryData(sessionQuery)).admin) {
      throw notFound();
    }
  },
  component: lazyRouteComponent(loadAdmin, "AdminLayout"),
});
const adminOverview = createRoute({
  getParentRoute: () => admin,
  path: "/",
  component: lazyRouteComponent(loadAdmin, "OverviewPage"),
});
const adminUsers = createRoute({
  getParentRoute: () => admin,
  path: "users",
  validateSearch: (search: Record<string, unknown>): { q?: string } => ({ q: text(search.q) }),
  component: lazyRouteComponent(loadAdmin, "UsersPage"),
});
const adminUser = createRoute({
  getParentRoute: () => admin,
  path: "users/$userId",
  component: lazyRouteComponent(loadAdmin, "UserPage"),
});
const adminPlans = createRoute({
  getParentRoute: () => admin,
  path: "plans",
  component: lazyRouteComponent(loadAdmin, "PlansPage"),
});
const adminModels = createRoute({
  getParentRoute: () => admin,
  path: "models",
  component: lazyRouteComponent(loadAdmin, "ModelsPage"),
});
const adminAnnouncements = createRoute({
  getParentRoute: () => admin,
  path: "announcements",
  component: lazyRouteComponent(loadAdmin, "AnnouncementsPage"),
});
const adminSql = createRoute({
  getParentRoute: () => admin,
  path: "sql",
  component: lazyRouteComponent(() => import("./admin/sql/SqlPage"), "SqlPage"),
});
const adminAudit = createRoute({
  getParentRoute: () => admin,
  path: "audit",
  validateSearch: (search: Record<string, unknown>): AuditSearch => ({
    actor: text(search.actor),
    subject: text(search.subject),
    action: text(search.action),
  }),
  component: lazyRouteComponent(loadAdmin, "AuditPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    auth.addChildren([login, registration, verification, recovery, authSettings, deleted, failed]),
    shared,
    app.addChildren([
      chat.addChildren([newChat, conversation]),
      settings.addChildren([
        settingsIndex,
        profile,
        usage,
        keys,
        models,
        instructions,
        memory,
        tools,
        data,
        appearance,
      ]),
      sql,
      admin.addChildren([
        adminOverview,
        adminUsers,
        adminUser,
        adminPlans,
        adminModels,
        adminAnnouncements,
        adminSql,
        adminAudit,
      ]),
    ]),
  ]),
  defaultPendingMs: 300,
});

function loginSearch(lack: Lack, path: string): AuthSearch {
  return {
    ...(path === "/" ? {} : { return_to: path }),
    ...(lack === "second_factor_required" ? { aal: "aal2" } : {}),
  };
}

// An answer that says "not signed in" can come at any time: go to sign in, and come back to this page afterwards.
onSignedOut((lack) => {
  const { pathname, href } = router.state.location;
  if (!pathname.startsWith("/auth/")) {
    void router.navigate({ to: "/auth/login", search: loginSearch(lack, safeReturnPath(href)) });
  }
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
  interface HistoryState {
    /** An e-mail address that one sign-in page hands to the other. */
    address?: string;
    /** What is to be marked in the message that the address names. */
    words?: string[];
  }
}
