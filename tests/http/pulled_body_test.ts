import { deepEqual, equal, ok } from "node:assert/strict";
import { HEARTBEAT_MS, pulledBody } from "../../src/http/pulled_body.ts";
import { ManualClock } from "../manual_clock.ts";

const SLICE_BYTES_MAX = 64 * 1024;

Deno.test("pulled body: a large piece goes in slices, so who takes some of it each minute gets all", async () => {
  const clock = new ManualClock();
  const pieces = ["ä".repeat(200_000), "the end"];
  const iterator = pieces[Symbol.iterator]();
  let ended = 0;
  const body = pulledBody({ next: () => Promise.resolve(iterator.next()) }, {
    clock,
    heartbeat: ": here",
    ended: () => void ended++,
  });
  const taken: Uint8Array[] = [];
  for await (const slice of body) {
    taken.push(slice);
    // Most of a minute: whoever reads it is still busy with this slice.
    for (let beat = 0; beat < 5; beat++) clock.advance(HEARTBEAT_MS);
  }
  ok(taken.length > pieces.length && taken.every(({ length }) => length <= SLICE_BYTES_MAX));
  equal(await new Blob(taken as Uint8Array<ArrayBuffer>[]).text(), pieces.join(""));
  deepEqual([ended, clock.timers], [1, 0]);
});
