/**
 * What services share that answer peers' questions from the replicas here: a question's body as a list, and the replica
 * that may be read.
 */
import { SkeinError } from "../errors.ts";
import type { Groups } from "./groups.ts";

export interface AnsweringEdges<R> {
  readonly groups: Pick<Groups, "readBarrier">;
  /** Null where this peer has no replica of the group. */
  replicaOf(group: number): R | null;
}

/** A body without its form is read as an empty list, which no question takes. */
export function listOf(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body : [];
}

/**
 * @param stale as it was asked: `true` takes what the replica here has applied; all else waits for a read barrier
 * @throws {SkeinError} by rejection: NOT_LEADER where there is no replica here, and what `Groups.readBarrier` throws
 */
export async function replicaToRead<R>(
  edges: AnsweringEdges<R>,
  group: number,
  { stale, timeoutMs }: { readonly stale: unknown; readonly timeoutMs: number },
): Promise<R> {
  if (stale !== true) await edges.groups.readBarrier(group, timeoutMs);
  const replica = edges.replicaOf(group);
  if (replica !== null) return replica;
  throw new SkeinError("NOT_LEADER", `this peer has no replica of group ${group}`);
}
