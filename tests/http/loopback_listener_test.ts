import { deepEqual, rejects } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { LoopbackListener } from "../../src/http/loopback_listener.ts";
import { httpOptions } from "./fake_peer.ts";

/** Deno 2.6 tells nobody of it, and prints nothing. */
const TELLS = !Deno.version.deno.startsWith("2.6.");

/** Begins, and breaks off. */
function broken(): Response {
  let began = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (began) return controller.error(new SkeinError("UNAVAILABLE", "it cannot be read"));
      began = true;
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  }, { highWaterMark: 0 });
  return new Response(body);
}

Deno.test("loopback: a body that breaks off is cut, which the log says and nothing else", async () => {
  const reported: string[] = [];
  const address = { host: "127.0.0.1", port: 0 };
  const listener = new LoopbackListener(address, broken, httpOptions(), (level, message) => {
    reported.push(`${level} ${message}`);
  });
  await rejects(async () => {
    const response = await fetch(`http://127.0.0.1:${listener.address.port}/`);
    await response.arrayBuffer();
  });
  await listener.cut();
  const line = "debug an answer broke off: SkeinError: it cannot be read";
  deepEqual(reported, TELLS ? [line] : []);
});
