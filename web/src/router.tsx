import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { Problem } from "./api/problem";
import { onSignedOut, queryClient } from "./api/queryClient";
import { sessionQuery } from "./api/session";
import { safeReturnPath } from "./auth/flow";
import { NotFound, RouteError } from "./shell/RouteError";

interface AuthSearch {
  /** A flow that Kratos sent the browser back with. */
  flow?: string;
  /** The path to go to afterwards. */
  return_to?: string;
  /** Of an error, on its page. */
  id?: string;
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
  }),
  errorComponent: RouteError,
});

const page = (name: "Login" | "Registration" | "Verification" | "Recovery" | "Failed") =>
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
const settings = createRoute({
  getParentRoute: () => auth,
  path: "settings",
  beforeLoad: () => {
    throw redirect({ to: "/", replace: true });
  },
});
const failed = createRoute({ getParentRoute: () => auth, path: "error", component: page("Failed") });

const loadChat = () => import("./chat/ChatPage");

const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: async ({ location }) => {
    void loadChat();
    try {
      await queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      if (error instanceof Problem && error.code === "unauthenticated") {
        throw redirect({ to: "/auth/login", search: returnSearch(location.href), replace: true });
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
const newChat = createRoute({ getParentRoute: () => chat, path: "/" });
const conversation = createRoute({ getParentRoute: () => chat, path: "c/$conversationId" });

export const router = createRouter({
  routeTree: root.addChildren([
    auth.addChildren([login, registration, verification, recovery, settings, failed]),
    app.addChildren([chat.addChildren([newChat, conversation])]),
  ]),
  defaultPendingMs: 300,
});

function returnSearch(path: string): AuthSearch {
  return path === "/" ? {} : { return_to: path };
}

// An answer that says "not signed in" can come at any time: go to sign in, and come back to this page afterwards.
onSignedOut(() => {
  const { pathname, href } = router.state.location;
  if (!pathname.startsWith("/auth/")) {
    void router.navigate({ to: "/auth/login", search: returnSearch(safeReturnPath(href)) });
  }
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
  interface HistoryState {
    /** An e-mail address that one sign-in page hands to the other. */
    address?: string;
  }
}
