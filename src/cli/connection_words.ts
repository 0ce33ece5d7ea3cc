/**
 * The connections of the peer that was asked, as `skein status` shows them: to whom, over which way, how each peer came
 * to be known, and what is measured.
 */
import type { ClusterAnswer, ConnectionAnswer } from "../client/mod.ts";
import { table } from "./output.ts";

/** @returns null where there is no other peer */
export async function connectionsTable({ members }: ClusterAnswer): Promise<string | null> {
  const others = members.filter(({ self }) => !self);
  if (others.length === 0) return null;
  const rows = others.map(({ name, connection }) => [name, ...cells(connection)]);
  return await table(["peer", "way", "found by", "round trip", "sent again", "window"], rows);
}

function cells(connection: ConnectionAnswer | null): string[] {
  if (connection === null) return ["none", "", "", "", ""];
  const { way, foundBy, roundTripMs, retransmissions, congestionWindow } = connection;
  return [
    way,
    foundBy.length === 0 ? "its dial" : foundBy.join(", "),
    roundTripMs === null ? "" : `${roundTripMs.toFixed(1)} ms`,
    String(retransmissions ?? ""),
    congestionWindow === null ? "" : `${congestionWindow} packets`,
  ];
}
