import assert from "node:assert/strict";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { encodeView, parseView, type PlacementView } from "../../src/placement/placement_view.ts";
import { idOf } from "../members/peers.ts";
import { damaged } from "./damaged.ts";

const VIEW: PlacementView = {
  driver: idOf(1),
  leaders: [idOf(2), null, idOf(1), idOf(2)],
  replicasWanted: 12,
  replicasPresent: 10,
  held: new Map([[idOf(1), 4], [idOf(2), 3]]),
  deviating: 2,
  moves: [
    { partition: 3, from: idOf(1), to: idOf(3), missingEntries: 7 },
    { partition: 4, from: null, to: idOf(3), missingEntries: 0 },
  ],
  unavailable: [{ partition: 2, replicas: [idOf(1), idOf(4)], answering: [idOf(1)] }],
};

function sent(value: unknown): unknown {
  const decoded = decode(encode(value));
  assert.ok(decoded.ok);
  return decoded.value;
}

Deno.test("a view arrives as it was sent", () => {
  assert.deepEqual(parseView(sent(encodeView(VIEW))), VIEW);
});

Deno.test("whatever is not a view is none", () => {
  for (const value of [null, 3, [], {}, [idOf(1)]]) assert.equal(parseView(value), null);
  for (const value of damaged(sent(encodeView(VIEW)))) {
    assert.equal(parseView(value), null, JSON.stringify(value));
  }
});

Deno.test("thousands of partitions fit a message: one byte each", () => {
  const leaders = Array.from({ length: 4_095 }, (_, at) => idOf(1 + at % 64));
  const bytes = encode(encodeView({ ...VIEW, leaders })).length;
  assert.ok(bytes < 10_000, `${bytes} bytes`);
  assert.deepEqual(parseView(sent(encodeView({ ...VIEW, leaders })))!.leaders, leaders);
});
