/**
 * Where the partitions are, in words for people: what `skein status` shows of them. Pure but for the table's
 * library, which is loaded when there are moves to show.
 */
import type { ClusterAnswer, PlacementAnswer } from "../client/mod.ts";
import { table } from "./output.ts";

/** @returns one line: how many have a leader, and how many replicas are there */
export function partitionsFact({ partitions, placement }: ClusterAnswer): string {
  if (placement === null) return `${partitions}; where they are is not known now`;
  const { led, replicasPresent, replicasWanted, deviating, moves } = placement;
  const order = deviating === 0
    ? "all as wanted"
    : `${deviating} not as wanted, ${moves.length} moving now`;
  return `${partitions}, ${led} led; ${replicasPresent} of ${replicasWanted} replicas; ${order}`;
}

/** @returns a line for each partition that nobody leads */
export function unavailableWarnings(placement: PlacementAnswer | null): string[] {
  return (placement?.unavailable ?? []).map(({ partition, replicas, answering }) => {
    const what = `partition ${partition} has no leader and cannot be used`;
    if (replicas.length === 0) return `${what}: no peer that answers has a replica of it`;
    return `${what}: of its replicas on ${list(replicas)} only those on ${list(answering)} answer`;
  });
}

/** @returns a table of the replicas that are being built; null where there are none */
export async function movesTable(placement: PlacementAnswer | null): Promise<string | null> {
  const moves = placement?.moves ?? [];
  if (moves.length === 0) return null;
  const rows = moves.map(({ partition, from, to, missingEntries }) => {
    return [partition, from ?? "", to, missingEntries];
  });
  return await table(["partition", "from", "to", "entries to go"], rows);
}

function list(names: readonly string[]): string {
  return names.join(", ");
}
