/** An address that a link may lead to: http, https or mailto. Anything else is none. */
export function safeLink(href: string | undefined): string | undefined {
  if (!href) {
    return undefined;
  }
  try {
    const { protocol } = new URL(href, location.origin);
    return ["http:", "https:", "mailto:"].includes(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a picture comes from this page itself, so that showing it tells nobody anything. */
export function isOwnImage(src: string): boolean {
  if (src.startsWith("data:image/") || src.startsWith("blob:")) {
    return true;
  }
  try {
    return new URL(src, location.origin).origin === location.origin;
  } catch {
    return false;
  }
}

/** The name of the host of an address, for people. */
export function hostOf(href: string): string {
  try {
    return new URL(href, location.origin).hostname.replace(/^www\./, "");
  } catch {
    return href;
  }
}
