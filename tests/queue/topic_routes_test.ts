/** Which lane each message goes to: what a key or an id says, and what a request that is sent again must keep. */
import { deepEqual, notDeepEqual } from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { TopicRoutes } from "../../src/queue/topic_routes.ts";

const LANES = 7;
const PLAIN = { key: null, id: null };

function lanesOf(routes: TopicRoutes, request: RequestKey | null, count = 3): readonly number[] {
  const laneOf = routes.dealer(LANES, request);
  return Array.from({ length: count }, (_, place) => laneOf(PLAIN, place));
}

Deno.test("a request that is sent again goes to the lanes that know it, through any peer", () => {
  const session = { kind: "session", session: "s", bootId: "b", sequence: 7 } as const;
  const requests = [
    [{ kind: "caller", principal: "p", id: "r" }, { kind: "caller", principal: "p", id: "r" }],
    [{ ...session, lowestOpen: 3 }, { ...session, lowestOpen: 7 }],
  ] as const;
  for (const [first, again] of requests) {
    const [here, there] = [new TopicRoutes(), new TopicRoutes()];
    there.nextLane(LANES);
    deepEqual(lanesOf(there, again), lanesOf(here, first));
  }
});

Deno.test("requests spread over the lanes, and so does a batch", () => {
  const routes = new TopicRoutes();
  const firsts = new Set<number>();
  for (let sequence = 0; sequence < 100; sequence++) {
    const request = {
      kind: "session",
      session: "s",
      bootId: "b",
      sequence,
      lowestOpen: 0,
    } as const;
    firsts.add(lanesOf(routes, request)[0]!);
  }
  deepEqual([...firsts].toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  const inTurn = [0, 1, 2, 3, 4, 5, 6];
  deepEqual(lanesOf(routes, null, LANES).toSorted(), inTurn);
  notDeepEqual(lanesOf(routes, null), lanesOf(routes, null));
});

Deno.test("equal keys go to one lane, and equal ids where there is no key", () => {
  const laneOf = new TopicRoutes().dealer(LANES, null);
  const other = new TopicRoutes().dealer(LANES, { kind: "caller", principal: "p", id: "r" });
  for (const text of ["a", "b", "Grüße"]) {
    deepEqual(laneOf({ key: text, id: "x" }, 0), other({ key: text, id: "y" }, 5));
    deepEqual(laneOf({ key: null, id: text }, 0), other({ key: null, id: text }, 5));
  }
});
