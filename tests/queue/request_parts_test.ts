import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { laneRequest, partRequest, sliceRequest } from "../../src/queue/request_parts.ts";

const CALLER: RequestKey = { kind: "caller", principal: "p", id: "r" };
const SESSION: RequestKey = {
  kind: "session",
  session: "s/0",
  bootId: "b",
  sequence: 7,
  lowestOpen: 5,
};

Deno.test("no two parts of requests have one id", () => {
  const others: RequestKey[] = [{ ...CALLER, id: "r2" }, { ...SESSION, sequence: 8 }];
  const seen = new Set<string>();
  let count = 0;
  const add = (request: RequestKey | null) => {
    seen.add(JSON.stringify(request));
    count++;
  };
  for (const request of [CALLER, SESSION, ...others]) {
    add(request);
    for (const lane of [1, 2, 12]) {
      add(laneRequest(request, lane));
      for (const lanes of [13, 20]) add(partRequest(request, { lane, lanes }));
    }
    for (const lane of [0, 1, 11]) {
      for (const slice of [0, 1, 10]) add(sliceRequest(request, lane, slice));
    }
  }
  assert.equal(seen.size, count);
});

Deno.test("a topic's only lane keeps the caller's id, and what has none gets none", () => {
  assert.equal(laneRequest(CALLER, 0), CALLER);
  assert.equal(partRequest(SESSION, { lane: 0, lanes: 1 }), SESSION);
  for (const part of [laneRequest(null, 3), sliceRequest(null, 0, 1)]) assert.equal(part, null);
  const session = laneRequest(SESSION, 4);
  assert.ok(session?.kind === "session");
  assert.deepEqual([session.sequence, session.lowestOpen, session.bootId], [7, 5, "b"]);
});
