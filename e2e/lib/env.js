// Where the server is and how mailed codes are read, from the environment.

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: docs/web.md says how to run these tests`);
  }
  return value.replace(/\/+$/, "");
}

/** The server under test. */
export const server = required("TWOBRAINS_URL");

/** Kratos's admin API, where mail waits that nobody delivers. Without it, the server's own mail page is asked. */
export const kratosAdmin = process.env.KRATOS_ADMIN_URL?.replace(/\/+$/, "");

/** The key of /dev/mail. */
export const mailKey = process.env.DEV_MAIL_KEY;

if (!kratosAdmin && !mailKey) {
  throw new Error("set KRATOS_ADMIN_URL or DEV_MAIL_KEY: a code must be read from somewhere");
}
