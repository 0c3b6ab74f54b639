// Kratos's messages in plain words. The numbers are Kratos's own (v1.3.1, text/id.go) and stable; what is not listed
// keeps Kratos's text.
import type { UiText } from "./kratos";

/** Login by code for an address that nobody has registered. */
export const unknownAccount = 4000035;
/** Registration of an address that somebody has. */
export const accountExists = 4000007;
/** Login with a password before the address was confirmed. */
export const addressNotVerified = 4000010;

const wrongCode = "This code is wrong or no longer valid.";
const tookTooLong = "This took too long. Please start again.";

const words: Record<number, string> = {
  4000002: "This field is needed.",
  4000004: "This does not look right. Check the spelling.",
  4000006: "Address or password is wrong.",
  4000007: "There is already an account with this address.",
  4000008: "This code is wrong. Apps show a new one every 30 seconds: enter the one shown now.",
  4000009: "Enter your e-mail address.",
  4000010: "Confirm your address first: we sent you a mail for that.",
  4000011: "There is no authenticator app for this account.",
  4000012: "This recovery code has been used already. Each works once.",
  4000014: "There are no recovery codes for this account.",
  4000016: "This recovery code is wrong.",
  4000027: "That account is linked to another account here already.",
  4000028: "There is already an account with this address. Sign in with a code to link the two.",
  4000031: "The password is too similar to your address.",
  4000032: "The password is too short.",
  4000033: "The password is too long.",
  4000034: "This password is known from data leaks. Choose another.",
  4000035: "There is no account with this address.",
  4000036: "The address is not the one that you began with. Please start again.",
  4000037: "There is no account with this address.",
  4010001: tookTooLong,
  4010008: wrongCode,
  4010010: "There is no account with this address.",
  4040001: tookTooLong,
  4040003: wrongCode,
  4050001: tookTooLong,
  4060004: wrongCode,
  4060005: tookTooLong,
  4060006: wrongCode,
  4070001: wrongCode,
  4070005: tookTooLong,
  4070006: wrongCode,
};

/** The general error, of which the text is all there is. */
const general = 4000001;

/** What to show for a message. */
export function plain(message: UiText): string {
  if (message.id === general && /too (often|many)/i.test(message.text)) {
    return "That was tried too often. Request a new code.";
  }
  if (message.id === 4000032 && typeof message.context?.min_length === "number") {
    return `The password needs at least ${message.context.min_length} characters.`;
  }
  return words[message.id] ?? message.text;
}
