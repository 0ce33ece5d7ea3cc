/**
 * A thousand streams on one socket in a flood of a stranger's packets, on real sockets and in a process of its own, so
 * that its heap can be looked at. SKEIN_UDX_FUZZ_MINUTES makes it long.
 */
import assert from "node:assert/strict";
import type { FloodRound } from "./flood.ts";
import { TextLineStream } from "./text_lines.ts";

const SECONDS_IN_CI = 5;
const minutes = Deno.env.get("SKEIN_UDX_FUZZ_MINUTES");
const seconds = minutes === undefined ? SECONDS_IN_CI : Number(minutes) * 60;
/** Until then the runtime itself grows: compiled code, pools. */
const WARM_UP_ROUNDS = 5;
const GROWTH_BYTES_MAX = 8_000_000;

async function flood(): Promise<FloodRound[]> {
  const program = new URL("flood.ts", import.meta.url).pathname;
  const flags = ["--allow-all", "--no-check", "--v8-flags=--expose-gc"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, program, `${seconds}`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000 + 2_000 * seconds);
  const rounds: FloodRound[] = [];
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) rounds.push(JSON.parse(line) as FloodRound);
  const { success } = await child.status;
  clearTimeout(timer);
  assert.ok(success, "the process of the flood failed");
  return rounds;
}

Deno.test("udx flood: a thousand streams on one socket carry on, and the heap does not grow", async () => {
  const rounds = await flood();
  assert.ok(rounds.length > 0);
  let flooded = 0;
  for (const { round, failed, whole, flooded: sent, messages } of rounds) {
    assert.deepEqual(failed, [], `round ${round}`);
    assert.equal(whole, 2_000, `round ${round}`);
    assert.ok(messages > 0, `round ${round}: the flood did not come`);
    flooded += sent;
  }
  const heaps = rounds.slice(WARM_UP_ROUNDS).map(({ heapBytes }) => heapBytes);
  const early = Math.max(...heaps.slice(0, Math.ceil(heaps.length / 4)));
  const late = Math.min(...heaps.slice(-Math.ceil(heaps.length / 4)));
  const figures = `${rounds.length} rounds, ${flooded} packets of a stranger, ` +
    `heap ${Math.round(early / 1e6)} MB early, ${Math.round(late / 1e6)} MB late`;
  if (minutes !== undefined) console.log(figures);
  if (heaps.length >= 8) assert.ok(late <= early + GROWTH_BYTES_MAX, figures);
});
