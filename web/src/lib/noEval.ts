// Zod, which the chat client checks the stream with, would try whether it may compile code. Our content security
// policy forbids that, and even the attempt is reported. Must be imported before the chat client is, by
// every module through which that is first reached.
import { config } from "zod/v4/core";

config({ jitless: true });
