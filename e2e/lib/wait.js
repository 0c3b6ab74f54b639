import { setTimeout as pause } from "node:timers/promises";

const patience = 30_000;

/** Asks again and again until the answer is true of something, and returns that. */
export async function until(what, ask) {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await pause(50)) {
    const found = await ask();
    if (found) {
      return found;
    }
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Resolves when the condition holds of a chat. It is looked at whenever a message or the status changes. */
export function when(chat, condition) {
  return new Promise((resolve, reject) => {
    const stops = [];
    const finish = (settle, value) => {
      clearTimeout(timer);
      for (const stop of stops) {
        stop();
      }
      settle(value);
    };
    const timer = setTimeout(
      () =>
        finish(
          reject,
          new Error(`waited in vain for ${condition}: ${chat.status} ${JSON.stringify(chat.messages)}`),
        ),
      patience,
    );
    const look = () => condition(chat) && finish(resolve);
    stops.push(chat["~registerMessagesCallback"](look), chat["~registerStatusCallback"](look));
    look();
  });
}
