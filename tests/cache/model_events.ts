/** What befalls peers and homes of the model: writes and reads, crashes, elections, leases that end. */
import { compareVersions, nextVersion } from "../../src/cache/version.ts";
import {
  beginTerm,
  leaseEnded,
  olderHomesOver,
  olderLeasesOver,
} from "../../src/cache/home_term.ts";
import { unconfirmed } from "../../src/cache/line.ts";
import type { Moving } from "./model_moving.ts";
import { type HomeModel, nameOf, NOBODY } from "./model_world.ts";

export function write(moving: Moving, peer: number): void {
  const { line } = moving.peers[peer]!;
  // Bytes that say which write it is, so that content and version are seen to belong together.
  const { term, counter, write } = nextVersion(line.grant!, line.content!.version);
  const value = Uint8Array.of(term, counter, write);
  moving.line(peer, { kind: "write", value, expiresMs: null, nowMs: 0 });
  const { version } = moving.peers[peer]!.line.content!;
  const { latest } = moving.ghost;
  if (latest !== null && compareVersions(version!, latest) <= 0) {
    throw new Error("a version is not above what was");
  }
  moving.ghost = { ...moving.ghost, latest: version, floor: version };
}

export function read(moving: Moving, peer: number): void {
  const { version } = moving.peers[peer]!.line.content!;
  const seen = version ?? moving.ghost.removed;
  moving.ghost = { ...moving.ghost, latest: seen, floor: seen };
}

export function crash(moving: Moving, peer: number): void {
  const { line } = moving.peers[peer]!;
  if (unconfirmed(line) !== null) moving.lose();
  // The log of the newest home is found by the next one.
  const newest = moving.homes.at(-1)!;
  moving.homes = moving.homes.filter((home) => home.peer !== peer || home === newest);
  if (newest.peer === peer) moving.setHome(newest, { isGone: true, hasLease: false });
  moving.setPeer(peer, { ...NOBODY, up: false, term: 0, rebuilt: false });
}

/** @param committed how much of the former home's log the new one has */
export function elect(moving: Moving, peer: number, committed: number): void {
  for (let entry = 0; entry < committed; entry++) moving.commit(false);
  const former = moving.homes.at(-1)!;
  const { store } = former;
  moving.setHome(former, { log: [] });
  moving.homes = moving.homes.filter(({ isGone }) => !isGone);
  const term = former.home.term + 1;
  const home = beginTerm(term, moving.leaseHolders.map(nameOf));
  moving.learn(peer, term);
  moving.homes.push({ peer, home, hasLease: true, isGone: false, entry: null, store, log: [] });
  moving.report(peer, moving.homes.at(-1)!);
}

export function ended(moving: Moving, model: HomeModel, peer: number): void {
  const { term } = model.home;
  moving.network = moving.network.filter((envelope) => {
    return !(envelope.message.kind === "leased" && envelope.to === peer &&
      envelope.term === term);
  });
  const home = leaseEnded(model.home, nameOf(peer));
  const isNewest = model === moving.homes.at(-1);
  moving.setHome(model, { home });
  if (moving.homeOf(term)!.entry !== null) {
    moving.entry(term, { kind: "ended", peer: nameOf(peer) });
  }
  if (isNewest && home.isRebuilt) {
    moving.leaseHolders = moving.leaseHolders.filter((other) => other !== peer);
  }
}

export function olderOver(moving: Moving, model: HomeModel, leases: boolean): void {
  const home = leases ? olderLeasesOver(model.home) : olderHomesOver(model.home);
  moving.network = moving.network.filter(({ message, term }) => {
    return !(leases && message.kind === "leased" && term < home.term);
  });
  moving.setHome(model, { home });
  if (leases) moving.rebuilt(home.term);
  else if (moving.homeOf(home.term)!.entry !== null) moving.entry(home.term, { kind: "resumed" });
}
