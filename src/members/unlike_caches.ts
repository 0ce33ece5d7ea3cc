/**
 * Which peers' caches stand in front of something else than this peer's. Each home reads and writes what its own peer was
 * configured with, so what was written is not found any more once the partition is led by an unlike peer. No peer stops
 * because of that: operators are told (`skein status`), and mend it peer by peer.
 */
import type { ConnectedPeer } from "../net/transport.ts";

/** So many peers are named. */
const NAMED_MAX = 3;

/**
 * @param own what this peer's cache stands in front of, in words; "": nothing
 * @param peers connected ones of this cluster; those of an earlier version do not say what theirs do
 * @returns a sentence for each other thing that their caches stand in front of
 */
export function unlikeCaches(own: string, peers: readonly ConnectedPeer[]): string[] {
  const saying = peers.filter(({ hello: { cacheFront } }) => {
    return cacheFront !== undefined && cacheFront !== own;
  });
  const byFront = Map.groupBy(saying, ({ hello }) => hello.cacheFront!);
  return [...byFront].map(([front, unlike]) => {
    const names = unlike.slice(0, NAMED_MAX).map(({ hello }) => hello.name).join(", ");
    const others = unlike.length - NAMED_MAX;
    const who = others > 0 ? `${names} and ${others} more` : names;
    return `the cache stands in front of ${inWords(own)} here, and of ${
      inWords(front)
    } at ${who}: ` +
      "--cache-redis and its prefix and mode are to be alike at every peer, or what was written " +
      "is not found once another peer leads its partition";
  });
}

function inWords(front: string): string {
  return front === "" ? "nothing" : front;
}
