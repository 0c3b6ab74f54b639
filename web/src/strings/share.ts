// What is said about conversations that are shared by link.
import { plural } from "../strings";

export const shareStrings = {
  dialog: {
    title: "Share by link",
    what: "Whoever has the link sees a copy of this conversation as it is now. It does not change any more.",
    included: "In the copy",
    includedText:
      "The title, what was written on the branch that is shown, when and by which model, and that there were files and tools.",
    excluded: "Not in it",
    excludedText:
      "Files and their names, reasoning, what tools were given and what they found, your instructions and settings, and what is written later.",
    expires: "The link expires after",
    days: (n: number) => (n === 365 ? "1 year" : plural(n, "day", "days")),
    create: "Create a link",
    created: "The link is ready.",
    failed: "The conversation could not be shared",
    links: "Links to this conversation",
  },

  links: {
    title: "Shared links",
    text: "Conversations that others can look at. Revoked, a link leads nowhere from one moment to the next.",
    none: "You share nothing.",
    link: (title: string) => `Link to “${title}”`,
    untitled: "New conversation",
    about: (messages: number, made: string, expires: string) =>
      `${plural(messages, "message", "messages")}, made ${made}, expires ${expires}`,
    copy: "Copy link",
    copied: "Copied",
    open: "Open",
    revoke: "Revoke",
    copyOf: (title: string) => `Copy the link to “${title}”`,
    openOf: (title: string) => `Open “${title}”`,
    revokeOf: (title: string) => `Revoke the link to “${title}”`,
    revoked: "The link is revoked.",
    revokeFailed: "The link could not be revoked",
  },

  page: {
    untitled: "A conversation",
    shared: (when: string) => `Shared ${when}`,
    expires: (when: string) => `expires ${when}`,
    made: (name: string) => `Made with ${name}`,
    frozen: "A copy of a conversation with a model, as it was then. Replies can be wrong.",
    start: "Start a chat of your own",
    asked: "Question",
    reply: "Reply",
    by: (model: string) => `Reply by ${model}`,
    tool: (name: string) => `Used a tool: ${name}`,
    files: {
      image: "An image, which is not shared",
      pdf: "A PDF, which is not shared",
      text: "A text file, which is not shared",
      file: "A file, which is not shared",
    },
    missingTitle: "This link leads nowhere",
    missing: "It was revoked, has expired, or never was.",
    loading: "Loading",
  },
};
