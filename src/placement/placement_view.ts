/**
 * Where the partitions are, as the placement driver sees it. It tells every peer with each look, so that
 * any of them can show it without asking.
 */
import { LIMITS } from "../limits.ts";
import { isPeerId } from "../members/member_info.ts";
import type { PeerId } from "../raft/entry.ts";
import { isCount, isPartition, parseList } from "./report.ts";

/** A replica that is being built. */
export interface Move {
  readonly partition: number;
  /** Whose place it takes; null: nobody's. */
  readonly from: PeerId | null;
  readonly to: PeerId;
  /** Committed entries that it is not known to have. */
  readonly missingEntries: number;
}

/** A partition that no peer is known to lead: what lies there can be neither read nor written now. */
export interface UnavailablePartition {
  readonly partition: number;
  /** Its voters, as far as a replica that answers knows them. */
  readonly replicas: readonly PeerId[];
  /** Those of them that answer. */
  readonly answering: readonly PeerId[];
}

export interface PlacementView {
  /** The system leader whose view it is. */
  readonly driver: PeerId;
  /** Who leads partition 1, 2, …; null where nobody that answers does. */
  readonly leaders: readonly (PeerId | null)[];
  /** R for each partition, or fewer where there are fewer members. */
  readonly replicasWanted: number;
  /** Those that vote and lie on a peer that answers, wherever that is; of each partition no more than are wanted. */
  readonly replicasPresent: number;
  /** How many each peer has, those that are being built included; a peer that is not listed has none. */
  readonly held: ReadonlyMap<PeerId, number>;
  /** Partitions that do not lie as wanted; those with a move among them. */
  readonly deviating: number;
  readonly moves: readonly Move[];
  readonly unavailable: readonly UnavailablePartition[];
}

/** Rows of each kind that are told; there may be more. */
export const ROWS_MAX = 256;

const NOBODY = 255;

export function encodeView(view: PlacementView): unknown {
  const peers = [...new Set(view.leaders.filter((peer) => peer !== null))].slice(0, NOBODY);
  const places = new Map(peers.map((peer, place) => [peer, place]));
  const leaders = Uint8Array.from(view.leaders, (peer) => {
    return peer === null ? NOBODY : places.get(peer) ?? NOBODY;
  });
  return [
    view.driver,
    peers,
    leaders,
    view.replicasWanted,
    view.replicasPresent,
    [...view.held],
    view.deviating,
    view.moves.slice(0, ROWS_MAX).map((move) => {
      return [move.partition, move.from, move.to, move.missingEntries];
    }),
    view.unavailable.slice(0, ROWS_MAX).map(({ partition, replicas, answering }) => {
      return [partition, replicas, answering];
    }),
  ];
}

/** @returns null for what does not have the form */
export function parseView(value: unknown): PlacementView | null {
  if (!Array.isArray(value)) return null;
  const [driver, ids, places, replicasWanted, replicasPresent, counts, deviating, rows, gone] =
    value;
  if (!isPeerId(driver) || !isCount(replicasWanted) || !isCount(replicasPresent)) return null;
  const peers = parseList(ids, NOBODY, parsePeer);
  if (peers === null || !(places instanceof Uint8Array) || !isCount(deviating)) return null;
  if (places.length >= LIMITS.groupsMax) return null;
  const leaders = Array.from(places, (place) => peers[place] ?? null);
  const held = parseList(counts, NOBODY, parseHeld);
  const moves = parseList(rows, ROWS_MAX, parseMove);
  const unavailable = parseList(gone, ROWS_MAX, parseUnavailable);
  if (held === null || moves === null || unavailable === null) return null;
  const replicas = { replicasWanted, replicasPresent, held: new Map(held) };
  return { driver, leaders, ...replicas, deviating, moves, unavailable };
}

function parseHeld(value: unknown): readonly [PeerId, number] | null {
  if (!Array.isArray(value)) return null;
  const [peer, count] = value;
  return isPeerId(peer) && isCount(count) ? [peer, count] : null;
}

function parseMove(value: unknown): Move | null {
  if (!Array.isArray(value)) return null;
  const [partition, from, to, missingEntries] = value;
  if (!isPartition(partition) || (from !== null && !isPeerId(from))) return null;
  return isPeerId(to) && isCount(missingEntries) ? { partition, from, to, missingEntries } : null;
}

function parseUnavailable(value: unknown): UnavailablePartition | null {
  if (!Array.isArray(value)) return null;
  const [partition, voters, some] = value;
  const replicas = parseList(voters, LIMITS.replicasMax, parsePeer);
  const answering = parseList(some, LIMITS.replicasMax, parsePeer);
  if (!isPartition(partition) || replicas === null || answering === null) return null;
  return { partition, replicas, answering };
}

function parsePeer(value: unknown): PeerId | null {
  return isPeerId(value) ? value : null;
}
