// Ory Kratos's browser flows as this app uses them, through the server's own origin.

export type FlowKind = "login" | "registration" | "verification" | "recovery" | "settings";

export interface UiText {
  id: number;
  text: string;
  type: "info" | "error" | "success";
  /** Values behind the text, such as a secret to show. */
  context?: Record<string, unknown>;
}

export interface UiNode {
  type: "input" | "a" | "text" | "img" | "script";
  group: string;
  attributes: {
    /** Of inputs. */
    name?: string;
    /** Of pictures and texts. */
    id?: string;
    src?: string;
    text?: UiText;
    type?: string;
    value?: unknown;
    required?: boolean;
    disabled?: boolean;
    autocomplete?: string;
    href?: string;
  };
  messages: UiText[];
  meta?: { label?: UiText };
}

export interface Flow {
  id: string;
  state?: "choose_method" | "sent_email" | "passed_challenge" | "show_form" | "success";
  return_to?: string;
  /** Of a login: aal2 asks for the second factor. */
  requested_aal?: "aal1" | "aal2";
  /** Of a login: somebody who is signed in confirms that it is still them. */
  refresh?: boolean;
  continue_with?: ContinueWith[];
  /** Of settings: whose they are. */
  identity?: { verifiable_addresses?: { value: string; verified: boolean }[] };
  ui: { action: string; method: string; nodes: UiNode[]; messages?: UiText[] };
}

/** What a flow tells us to do next, such as to confirm an address. */
export interface ContinueWith {
  action: string;
  flow?: { id: string; verifiable_address?: string };
  redirect_browser_to?: string;
}
