/** A loopback listener where the environment makes Deno.serve listen elsewhere: it does not serve there. */
import { equal, match, rejects } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("serve_fake.ts", import.meta.url));
const CONFIGURATION = fileURLToPath(new URL("../../deno.json", import.meta.url));
const DEADLINE_MS = 20_000;

/** On whatever port it may get. */
async function servesWith(serveAddress: string) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "--config", CONFIGURATION, PROGRAM],
    env: { DENO_SERVE_ADDRESS: serveAddress, NO_COLOR: "1" },
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

Deno.test("what is meant for this machine is not served to the network", async () => {
  const { code, said } = await servesWith("tcp:0.0.0.0:0");
  equal(code, 1, said);
  match(said, /cannot listen on 127\.0\.0\.1:0: Deno listened on .*"0\.0\.0\.0"/);
});

Deno.test("nor to whoever can open a file", { ignore: Deno.build.os === "windows" }, async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-test-" });
  try {
    const path = `${directory}/socket`;
    const { code, said } = await servesWith(`unix:${path}`);
    equal(code, 1, said);
    match(said, /cannot listen on 127\.0\.0\.1:0: Deno listened on .*"unix"/);
    await rejects(Deno.connect({ transport: "unix", path }));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
