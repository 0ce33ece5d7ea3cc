/**
 * Bodies of messages that an entry has just delivered, read at this peer's replica. A body that is not found was
 * acknowledged or purged since; or the entry was carried to a newer leader, and is not applied here yet.
 */
import { SkeinError } from "../errors.ts";
import { readBodies } from "./body_reader.ts";
import type { QueueEdges } from "./queue_edges.ts";

/**
 * @param numbers messages as the answer named them
 * @returns each one's bytes; null where the message is gone
 * @throws {SkeinError} by rejection: NOT_LEADER where there is no replica here (any more); NO_LEADER, …; STORAGE_FAILED
 * where they cannot be read
 */
export async function deliveredBodies(
  { groups, replicaOf, timeouts }: QueueEdges,
  group: number,
  numbers: readonly number[],
): Promise<readonly (Uint8Array | null)[]> {
  const read = () => {
    const replica = replicaOf(group);
    if (replica === null) throw notLedHere(group);
    return readBodies(replica, numbers);
  };
  const bodies = await read();
  if (!bodies.includes(null)) return bodies;
  await groups.readBarrier(group, timeouts.readMs);
  return await read();
}

export function notLedHere(group: number): SkeinError {
  return new SkeinError("NOT_LEADER", `this peer does not lead group ${group}`);
}
