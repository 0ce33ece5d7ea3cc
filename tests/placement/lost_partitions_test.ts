import assert from "node:assert/strict";
import { LostPartitions } from "../../src/placement/lost_partitions.ts";
import type { Picture } from "../../src/placement/picture.ts";

/** A picture in which these partitions have no leader. */
function pictureOf(lost: LostPartitions, partitions: readonly number[], nowMs: number) {
  const unavailable = partitions.filter((partition) => lost.isLost(partition, nowMs))
    .map((partition) => ({ partition, replicas: ["a", "b"], answering: ["b"] }));
  const leaderless = new Map(partitions.map((partition) => [partition, ["a", "b"]]));
  return { leaderless, view: { unavailable } } as unknown as Picture;
}

Deno.test("a partition is lost after an election's time without a leader: said once, and once when it is back", () => {
  const lines: string[] = [];
  const logger = {
    log: (level: string, message: string) => void lines.push(`${level}: ${message}`),
  };
  const lost = new LostPartitions(100, logger, (peer) => `peer ${peer}`);
  const see = (nowMs: number, ...partitions: number[]) => {
    lost.saw(pictureOf(lost, partitions, nowMs), nowMs);
  };
  see(0, 5);
  see(99, 5);
  assert.deepEqual([lost.isLost(5, 99), lines], [false, []]);
  see(100, 5, 6);
  see(150, 5, 6);
  assert.deepEqual([lost.isLost(5, 150), lost.isLost(6, 150)], [true, false]);
  assert.deepEqual(lines.splice(0), [
    "warn: partition 5 has no leader and cannot be used: of its replicas on peer a, peer b " +
    "only those on peer b answer",
  ]);
  see(160);
  assert.deepEqual(lines.splice(0), ["info: partition 5 has a leader again"]);
  see(170, 5);
  assert.equal(lost.isLost(5, 171), false);
});
