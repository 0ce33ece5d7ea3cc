import { equal, ok } from "node:assert/strict";
import { RawClient } from "./raw_client.ts";

Deno.test("loopback: a peer that ran out of file descriptors answers again once there are some", async () => {
  const program = new URL("serve_fake.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const run = 'ulimit -n 200 && exec "$0" run -A --no-check --config "$1" "$2"';
  await using child = new Deno.Command("sh", {
    args: ["-c", run, Deno.execPath(), config, program],
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLines());
  const reader = lines.getReader();
  const says = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const { done, value = "" } = await reader.read();
      ok(!done, `the program ended before it said ${pattern}`);
      if (pattern.test(value)) return value;
    }
  };
  const port = Number(await says(/^\d+$/));

  const assertServes = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    equal(response.status, 200);
    await response.body?.cancel();
  };
  await assertServes();

  const hoard: RawClient[] = [];
  const hasStopped = says(/stopped answering/).then(() => true);
  const pause = () => new Promise<false>((resolve) => setTimeout(() => resolve(false), 1));
  while (!await Promise.race([hasStopped, pause()])) {
    try {
      hoard.push(await RawClient.connect(port));
    } catch {
      // Refused: it has stopped, and is about to say so.
    }
  }
  for (const client of hoard) client.close();
  await says(/answers on .* again/);

  await assertServes();
  child.kill("SIGKILL");
  await reader.cancel();
});

class TextLines extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}
