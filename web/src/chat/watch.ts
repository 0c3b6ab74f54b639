// Tells a stream that ended from one that was lost. The server's last line is "[DONE]"; a connection that ends without it,
// or says nothing for longer than the server is ever silent, has to be taken up again.

/** The connection ended before the reply did. */
export class LostConnection extends Error {
  constructor() {
    super("The connection was lost.");
    this.name = "LostConnection";
  }
}

// The server comments every 12 s: after three of these nobody is there.
const longestSilence = 40_000;
const end = "data: [DONE]";

/** A stream that is being read. */
export interface Watch {
  response: Response;
  /** Gives the connection up if nothing has come for so many milliseconds, such as after the computer slept. */
  giveUpAfter: (silence: number) => void;
}

/** Passes a stream on, and lets it fail with LostConnection where it would only end. */
export function watch(response: Response, longest = longestSilence): Watch {
  if (!response.body) {
    return { response, giveUpAfter: () => {} };
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let tail = "";
  let last = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  let fail: (error: unknown) => void = () => {};

  const stop = () => {
    over = true;
    clearTimeout(timer);
  };
  const lose = () => {
    if (!over) {
      stop();
      fail(new LostConnection());
      reader.cancel().catch(() => undefined);
    }
  };
  const heard = () => {
    last = Date.now();
    clearTimeout(timer);
    timer = setTimeout(lose, longest);
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      fail = (error) => controller.error(error);
      heard();
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (over) {
          return;
        }
        if (!done) {
          heard();
          tail = (tail + decoder.decode(value, { stream: true })).slice(-2 * end.length);
          controller.enqueue(value);
        } else if (tail.trimEnd().endsWith(end)) {
          stop();
          controller.close();
        } else {
          lose();
        }
      } catch (error) {
        if (error instanceof DOMException && error.name === "AbortError") {
          stop();
          fail(error);
        } else {
          lose();
        }
      }
    },
    cancel(reason) {
      stop();
      return reader.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return {
    response: new Response(body, { status, statusText, headers }),
    giveUpAfter: (silence) => {
      if (Date.now() - last > silence) {
        lose();
      }
    },
  };
}
