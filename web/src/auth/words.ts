// Kratos's messages in plain words. The numbers are Kratos's own and stable; what is not listed keeps Kratos's text.
import type { UiText } from "./kratos";

/** Login by code for an address that nobody has registered. */
export const unknownAccount = 4000035;
/** Registration of an address that somebody has. */
export const accountExists = 4000007;
/** Login with a password before the address was confirmed. */
export const addressNotVerified = 4000010;

const words: Record<number, string> = {
  4000001: "That was tried too often. Request a new code.",
  4000002: "This field is needed.",
  4000006: "Address or password is wrong.",
  4000007: "There is already an account with this address.",
  4000010: "Confirm your address first: we sent you a mail for that.",
  4000032: "The password is too short.",
  4000034: "This password is known from data leaks. Choose another.",
  4000035: "There is no account with this address.",
  4000036: "This account cannot sign in with a code.",
  4010001: "This took too long. Please start again.",
  4010008: "This code is wrong or no longer valid.",
  4040001: "This took too long. Please start again.",
  4040003: "This code is wrong or no longer valid.",
  4060004: "This code is wrong or no longer valid.",
  4060005: "This took too long. Please start again.",
  4060006: "This code is wrong or no longer valid.",
  4070001: "This code is wrong or no longer valid.",
  4070005: "This took too long. Please start again.",
  4070006: "This code is wrong or no longer valid.",
};

/** What to show for a message. */
export function plain(message: UiText): string {
  return words[message.id] ?? message.text;
}
