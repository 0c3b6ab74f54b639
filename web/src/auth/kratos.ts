// Ory Kratos's browser flows as this app uses them, through the server's own origin.

export type FlowKind = "login" | "registration" | "verification" | "recovery";

export interface UiText {
  id: number;
  text: string;
  type: "info" | "error" | "success";
}

export interface UiNode {
  type: "input" | "a" | "text" | "img" | "script";
  group: string;
  attributes: {
    name?: string;
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
  state?: "choose_method" | "sent_email" | "passed_challenge";
  return_to?: string;
  ui: { action: string; method: string; nodes: UiNode[]; messages?: UiText[] };
}

/** What a flow tells us to do next, such as to confirm an address. */
export interface ContinueWith {
  action: string;
  flow?: { id: string; verifiable_address?: string };
  redirect_browser_to?: string;
}
