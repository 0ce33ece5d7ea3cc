import assert from "node:assert/strict";
import { decodeEvents, packEvents } from "../../src/events/packed_events.ts";
import {
  endOfEvent,
  type EventContent,
  readEvent,
  sizeAt,
  sizeAtMost,
  writeEvent,
} from "../../src/events/stored_event.ts";
import { Random } from "../../src/random.ts";
import { content } from "./event_commands.ts";

const EVENTS: readonly EventContent[] = [
  content("a"),
  content("ü".repeat(256), { source: "", timestamp: "2026-01-02" }),
  content("c", { source: "€".repeat(170), payload: new Uint8Array(70_000).fill(0x20) }),
  content("d", { payload: new Uint8Array() }),
];

Deno.test("events are read as they were written, one behind the other", () => {
  const { bodies, count, identities } = packEvents(EVENTS);
  let at = 0;
  for (const [place, event] of EVENTS.entries()) {
    const read = readEvent(bodies, at, 40 + place);
    assert.deepEqual({ ...read, payload: read.payload.slice() }, { ...event, offset: 40 + place });
    assert.ok(sizeAt(bodies, at) <= sizeAtMost(event));
    assert.equal(endOfEvent(bodies, at), at + sizeAt(bodies, at));
    at += sizeAt(bodies, at);
  }
  assert.equal(at, bodies.length);
  assert.deepEqual(decodeEvents(identities, bodies), { count, identities, bodies });
});

Deno.test("an event that is cut off, or longer than it says, is none", () => {
  const event = content("id", { source: "web" });
  const bytes = new Uint8Array(sizeAtMost(event));
  const { end } = writeEvent(bytes, 0, event);
  const whole = bytes.subarray(0, end);
  assert.equal(endOfEvent(whole, 0), end);
  for (let length = 0; length < end; length++) {
    assert.ok(Number.isNaN(endOfEvent(whole.subarray(0, length), 0)), `${length} bytes`);
  }
  const { identities, bodies } = packEvents([event, event]);
  assert.equal(decodeEvents(identities.subarray(16), bodies), null, "one identity for two");
  assert.equal(decodeEvents(identities, bodies.subarray(0, bodies.length - 1)), null);
  assert.equal(decodeEvents(new Uint8Array(), new Uint8Array()), null, "no event at all");
  assert.equal(decodeEvents(identities.subarray(1), bodies), null);
});

Deno.test("bytes of any form are read or refused, and never past their end", () => {
  const random = new Random(1);
  for (let round = 0; round < 2_000; round++) {
    const { bodies } = packEvents([content("some-id", { source: "web" })]);
    const bent = bodies.slice();
    for (let flips = random.integer(1, 3); flips > 0; flips--) {
      bent[random.integer(0, 20)] = random.integer(0, 255);
    }
    const end = endOfEvent(bent, 0);
    if (Number.isNaN(end)) continue;
    assert.ok(end <= bent.length);
    const { eventId, payload } = readEvent(bent, 0, 0);
    assert.ok(eventId.length > 0 && payload.length <= end);
  }
});
