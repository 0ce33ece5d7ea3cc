import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { PeerEdges } from "../../src/peer/edges.ts";
import type { Generation } from "../../src/peer/generation.ts";
import { handOver } from "../../src/peer/hand_over.ts";
import type { FollowerStatus } from "../../src/raft/ready.ts";

/** A peer that leads groups, and writes down to whom it tries to hand them. */
function leaderOf(
  groups: Record<number, readonly Partial<FollowerStatus & { readonly peer: string }>[]>,
  options: { refusing?: readonly string[]; connected?: readonly string[]; role?: string } = {},
) {
  const tried: string[] = [];
  const lines: string[] = [];
  const { refusing = [], connected = ["a", "b", "c", "d"], role = "leader" } = options;
  const generation = {
    ended: null,
    groups: {
      groups: () => Object.keys(groups).map(Number),
      status: (group: number) => ({
        role,
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
