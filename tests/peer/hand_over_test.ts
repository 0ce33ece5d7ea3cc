import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { PeerEdges } from "../../src/peer/edges.ts";
import type { Generation } from "../../src/peer/generation.ts";
import { handOver } from "../../src/peer/hand_over.ts";
import type { FollowerStatus } from "../../src/raft/ready.ts";

/** A peer that leads groups, and writes down to whom it tries to hand them. */
function leaderOf(
  groups: Record<number, readonly Partial<FollowerStatus & { readonly peer: string }>[]>,
  options: {
    refusing?: readonly string[];
    connected?: readonly string[];
    role?: string;
    wanted?: readonly string[];
  } = {},
) {
  const tried: string[] = [];
  const lines: string[] = [];
  const { refusing = [], connected = ["a", "b", "c", "d"], role = "leader" } = options;
  const generation = {
    ended: null,
    wanted: () => options.wanted ?? [],
    groups: {
      groups: () => Object.keys(groups).map(Number),
      status: (group: number) => ({
        role,
        leader: role === "leader" ? "self" : "a",
        configuration: { voters: ["self", "a", "b", "c"].map((peer) => ({ peer, replica: 1 })) },
        followers: groups[group]!.map(({ peer, ...rest }) => ({
          replica: { peer, replica: 1 },
          recentlyActive: true,
          matchIndex: 10,
          ...rest,
        })),
      }),
      transferLeadership: (group: number, to: string) => {
        tried.push(`${group} ${to}`);
        return refusing.includes(to)
          ? Promise.reject(new SkeinError("UNAVAILABLE", "it did not take it"))
          : Promise.resolve();
      },
    },
  };
  const edges = {
    transport: { peers: () => connected.map((id) => ({ id })) },
    logger: { log: (_level: string, message: string) => void lines.push(message) },
  };
  const run = (ended: SkeinError | null = null, kept?: ReadonlySet<number>) => {
    const over = { ...generation, ended } as unknown as Generation;
    return handOver(over, edges as unknown as PeerEdges, kept);
  };
  return { run, tried, lines };
}

Deno.test("each group goes to the connected, living voter that lacks least", async () => {
  const { run, tried } = leaderOf({
    0: [
      { peer: "a", matchIndex: 5 },
      { peer: "b", matchIndex: 9 },
      { peer: "c", matchIndex: 99, recentlyActive: false },
      { peer: "d", matchIndex: 99 },
    ],
    7: [{ peer: "c", matchIndex: 1 }],
  });
  await run();
  assert.deepEqual(tried.sort(), ["0 b", "7 c"]);
});

Deno.test("what is led goes to all who can take it, in equal parts, by one call", async () => {
  const all = [{ peer: "a" }, { peer: "b" }, { peer: "c" }];
  const groups = Object.fromEntries(Array.from({ length: 30 }, (_, group) => [group, all]));
  const { run, tried } = leaderOf(groups);
  await run();
  const taken = tried.map((each) => each.split(" ")[1]);
  for (const peer of ["a", "b", "c"]) assert.equal(taken.filter((to) => to === peer).length, 10);
});

Deno.test("whoever lacks much takes nothing while another can, and where the ring wants it comes first", async () => {
  const lagging = [{ peer: "a", matchIndex: 1_000 }, { peer: "b", matchIndex: 700 }];
  const groups = { 1: lagging, 2: lagging, 3: lagging };
  const { run, tried } = leaderOf(groups);
  await run();
  assert.deepEqual(tried, ["1 a", "2 a", "3 a"]);
  const wanted = leaderOf(groups, { wanted: ["b", "d"] });
  await wanted.run();
  assert.deepEqual(wanted.tried, ["1 b", "2 b", "3 b"]);
});

Deno.test("one that does not take it is followed by the next, and not by all", async () => {
  const followers = [
    { peer: "a", matchIndex: 9 },
    { peer: "b", matchIndex: 8 },
    { peer: "c", matchIndex: 7 },
  ];
  const { run, tried, lines } = leaderOf({ 0: followers }, { refusing: ["a", "b", "c"] });
  const kept = await run();
  assert.deepEqual(tried, ["0 a", "0 b"]);
  assert.equal(lines.length, 2);
  assert.deepEqual([...kept], [0]);
});

Deno.test("what nobody took is not offered again, and what is led since then is", async () => {
  const { run, tried } = leaderOf({ 0: [{ peer: "a" }], 7: [{ peer: "b" }], 9: [] });
  assert.deepEqual([...await run(null, new Set([0]))], [0, 9]);
  assert.deepEqual(tried, ["7 b"]);
});

Deno.test("who is not connected is not asked", async () => {
  const { run, tried } = leaderOf({ 0: [{ peer: "a" }, { peer: "b" }] }, { connected: ["b"] });
  await run();
  assert.deepEqual(tried, ["0 b"]);
});

Deno.test("who leads nothing, or has ended, hands nothing over", async () => {
  const follower = leaderOf({ 0: [{ peer: "a" }] }, { role: "follower" });
  await follower.run();
  const ended = leaderOf({ 0: [{ peer: "a" }] });
  await ended.run(new SkeinError("STORAGE_FAILED", "the disk failed"));
  assert.deepEqual([...follower.tried, ...ended.tried], []);
});
