import assert from "node:assert/strict";
import { decode, encode } from "../../src/codec/msgpack.ts";
import {
  encodeReport,
  parseReport,
  type Report,
  REPORTED_MAX,
} from "../../src/placement/report.ts";
import { idOf } from "../members/peers.ts";
import { groupOf } from "./views.ts";
import { damaged } from "./damaged.ts";

const { group, term, configuration, followers } = groupOf({
  voters: [1, 2, 3],
  learners: [4],
  outgoing: [1, 2, 5],
  wanted: [],
  behind: [4],
  silent: [2],
});

const REPORT: Report = {
  revision: 12,
  steady: true,
  leads: new Set([5, 9]),
  knows: new Set([5, 8, 9]),
  deviating: [{ group, term, configuration, followers }],
  more: 3,
  leaderless: [{ group: 7, voters: [idOf(1), idOf(2)] }],
};

/** As it arrives at another peer. */
function sent(value: unknown): unknown {
  const decoded = decode(encode(value));
  assert.ok(decoded.ok);
  return decoded.value;
}

Deno.test("a report arrives as it was sent", () => {
  assert.deepEqual(parseReport(sent(encodeReport(REPORT))), REPORT);
  const removed = { ...REPORT, revision: null, steady: false, deviating: [], leaderless: [] };
  assert.deepEqual(parseReport(sent(encodeReport(removed))), removed);
});

Deno.test("whatever is not a report is none", () => {
  for (const value of [null, 3, "report", [], {}, [1, true]]) {
    assert.equal(parseReport(value), null);
  }
  const encoded = sent(encodeReport(REPORT));
  let seen = 0;
  for (const value of damaged(encoded)) {
    assert.equal(parseReport(value), null, JSON.stringify(value));
    seen++;
  }
  assert.ok(seen > 30, `${seen} damaged ones`);
});

Deno.test("a report is bounded", () => {
  const led = REPORT.deviating[0]!;
  const long = { ...REPORT, deviating: Array.from({ length: REPORTED_MAX + 1 }, () => led) };
  assert.equal(parseReport(sent(encodeReport(long))), null);
});
