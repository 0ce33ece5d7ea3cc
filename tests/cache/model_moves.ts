/** Every move that is possible in a world of the model, and what must hold in each world. */
import { canRead, canWrite } from "../../src/cache/line.ts";
import { compareVersions, type Grant, isSettled, sameGrant } from "../../src/cache/version.ts";
import { textOf } from "./state_hash.ts";
import { crash, elect, ended, olderOver, read, write } from "./model_events.ts";
import { Moving } from "./model_moving.ts";
import {
  type Envelope,
  homeAt,
  type HomeModel,
  mayUse,
  type Move,
  nameOf,
  type Observer,
  type World,
} from "./model_world.ts";

/** All of them; what is refused in vain is left out. */
export function movesOf(world: World, observer: Observer): Move[] {
  const moves: Move[] = [];
  const add = (name: string, change: (moving: Moving) => void) => {
    moves.push({
      name,
      run() {
        const moving = new Moving(world, observer);
        change(moving);
        return moving.world();
      },
    });
  };
  for (const peer of world.peers.keys()) {
    callerMoves(world, peer, add);
    leaseMoves(world, peer, add);
  }
  for (const home of world.homes) if (!home.isGone) homeMoves(world, home, add);
  networkMoves(world, add);
  failureMoves(world, add);
  return moves;
}

type Add = (name: string, change: (moving: Moving) => void) => void;

function callerMoves(world: World, peer: number, add: Add): void {
  const { left } = world;
  const { up, line, session, term } = world.peers[peer]!;
  const name = nameOf(peer);
  if (!up) return;
  const mine = line.grant ?? line.owed?.grant ?? null;
  const isLive = mine === null || mayUse(world, peer, mine);
  const home = world.homes.find((one) => one.home.term === term && !one.isGone);
  const mayAsk = session !== null && line.ask === null && home !== undefined && isLive &&
    left.asks > 0;
  const ask = (wish: "shared" | "owned") =>
    add(`${name} asks: ${wish}`, (moving) => {
      moving.spend("asks");
      moving.line(peer, { kind: "ask", wish, request: moving.nextId++ });
    });
  if (mayAsk && !canRead(line)) ask("shared");
  if (mayAsk && line.state !== "E" && line.state !== "M") ask("owned");
  if (line.ask !== null) {
    const { request } = line.ask;
    const isUnderWay = ({ message }: Envelope) =>
      "request" in message && message.request === request;
    const isKnown = world.homes.some(({ entry, isGone }) => {
      return !isGone &&
        [entry?.job, ...(entry?.queue ?? [])].some((job) => job?.request === request);
    });
    const isOver = !isKnown && !world.network.some(isUnderWay);
    if (isOver || left.losses > 0) {
      add(`${name} gives its request up`, (moving) => {
        if (!isOver) moving.spend("losses");
        moving.line(peer, { kind: "failed", request });
      });
    }
  }
  if (isLive && canRead(line) && left.reads > 0) {
    add(`${name} reads`, (moving) => {
      moving.spend("reads");
      read(moving, peer);
    });
  }
  if (isLive && canWrite(line, 0, 0) && left.writes > 0) {
    add(`${name} writes`, (moving) => {
      moving.spend("writes");
      write(moving, peer);
    });
  }
  if (isLive && left.flushes > 0 && (line.state === "M" || line.owed !== null)) {
    add(`${name} flushes`, (moving) => {
      moving.spend("flushes");
      moving.line(peer, { kind: "flush", nowMs: 0, againAfterMs: 0, urgent: true });
    });
  }
  if (isLive && left.evictions > 0 && canRead(line) && line.ask === null) {
    add(`${name} evicts`, (moving) => {
      moving.spend("evictions");
      moving.line(peer, { kind: "evict", nowMs: 0 });
    });
  }
}

function leaseMoves(world: World, peer: number, add: Add): void {
  const { up, session, former, reporting, term, rebuilt } = world.peers[peer]!;
  const name = nameOf(peer);
  if (!up) return;
  const own = homeAt(world, peer);
  const isHome = own !== undefined && own.home.term === term;
  if (session !== null && !isHome && world.left.lapses > 0) {
    add(`${name}'s lease ends`, (moving) => {
      moving.spend("lapses");
      moving.lapse(peer);
    });
  }
  if (former !== 0) {
    add(`${name}'s former lease ends`, (moving) => {
      moving.formerEnds(peer);
    });
  }
  for (const home of world.left.reports > 0 ? world.homes : []) {
    const isUnderWay = ({ message }: Envelope) => "id" in message && message.id === reporting;
    if (home.isGone || (reporting !== null && world.network.some(isUnderWay))) continue;
    const isNewer = home.home.term > term;
    const isFirst = home.home.term === term && session === null;
    const isAgain = home.home.term === term && !rebuilt && home.home.isRebuilt;
    if (!isNewer && !isFirst && !isAgain) continue;
    add(`${name} reports to ${nameOf(home.peer)} in term ${home.home.term}`, (moving) => {
      moving.spend("reports");
      if (isNewer) moving.learn(peer, home.home.term);
      moving.report(peer, home);
    });
  }
}

function homeMoves(world: World, model: HomeModel, add: Add): void {
  const { left, peers } = world;
  const { home, hasLease, log, peer: place } = model;
  const { term } = home;
  const name = `${nameOf(place)} of term ${term}`;
  const isNewest = model === world.homes.at(-1);
  if (isNewest && log.length > 0) add(`${name} commits`, (moving) => moving.commit(true));
  for (const kind of ["remove", "invalidate"] as const) {
    const budget = kind === "remove" ? "removals" : "invalidations";
    if (left[budget] === 0) continue;
    add(`${name}: ${kind}`, (moving) => {
      moving.spend(budget);
      moving.entry(term, { kind: "ask", job: { kind, request: moving.nextId++ } });
    });
  }
  for (const { peer } of home.sessions) {
    const number = peer.charCodeAt(0) - 65;
    const one = peers[number]!;
    // A lease with an older home was asked for before the one with this home.
    const hasFormer = one.former !== 0 && one.former <= term;
    const lasts = one.up && (hasFormer || (one.term === term && one.session !== null));
    if (number === place || lasts) continue;
    add(`${name} takes ${peer}'s lease for ended`, (moving) => ended(moving, model, number));
  }
  if (model.entry !== null) {
    const isUnderWay = (grant: Grant) =>
      world.network.some(({ message }) => {
        const isRecall = message.kind === "recall" || message.kind === "acknowledge";
        return isRecall && sameGrant(message.grant, grant);
      });
    for (const { peer, grant } of model.entry.awaited) {
      if (isUnderWay(grant)) continue;
      add(`${name} reminds ${peer}`, (moving) => moving.entry(term, { kind: "remind", peer }));
    }
  }
  if (hasLease && left.homeLapses > 0) {
    add(`${name}: the home lease ends`, (moving) => {
      moving.spend("homeLapses");
      moving.setHome(model, { hasLease: false });
    });
  }
  if (!hasLease && isNewest) {
    add(`${name}: the home lease lasts again`, (moving) => {
      moving.setHome(model, { hasLease: true });
      moving.entry(term, { kind: "resumed" });
    });
  }
  if (home.isRebuilt || !isNewest) return;
  const older = world.homes.filter((other) => other.home.term < term && !other.isGone);
  if (older.some((other) => other.hasLease)) return;
  if (!home.isAlone) {
    add(`${name}: older homes are over`, (moving) => olderOver(moving, model, false));
  }
  const lasts = peers.some((one) => {
    return one.up && (one.former !== 0 || (one.term < term && one.session !== null));
  });
  if (!lasts) add(`${name}: older leases are over`, (moving) => olderOver(moving, model, true));
}

function networkMoves(world: World, add: Add): void {
  const seen = new Set<string>();
  for (const [place, envelope] of world.network.entries()) {
    const { from, to, term, message } = envelope;
    const text = textOf(envelope);
    if (seen.has(text)) continue;
    seen.add(text);
    const name = `${message.kind} from ${nameOf(from)} to ${nameOf(to)} of term ${term}`;
    const without = (moving: Moving) => moving.network.splice(place, 1);
    add(name, (moving) => {
      without(moving);
      moving.receive(envelope);
    });
    if (world.left.losses > 0) {
      add(`lost: ${name}`, (moving) => {
        moving.spend("losses");
        without(moving);
      });
    }
    if (world.left.duplicates > 0) {
      add(`twice: ${name}`, (moving) => {
        moving.spend("duplicates");
        moving.receive(envelope);
      });
    }
  }
}

function failureMoves(world: World, add: Add): void {
  const { left, peers, homes } = world;
  for (const [peer, { up }] of peers.entries()) {
    if (!up) {
      add(`${nameOf(peer)} starts again`, (moving) => moving.setPeer(peer, { up: true }));
      continue;
    }
    if (left.crashes > 0) {
      add(`${nameOf(peer)} crashes`, (moving) => {
        moving.spend("crashes");
        crash(moving, peer);
      });
    }
    if (left.elections === 0) continue;
    for (let committed = 0; committed <= homes.at(-1)!.log.length; committed++) {
      add(`${nameOf(peer)} becomes home, with ${committed} more entries`, (moving) => {
        moving.spend("elections");
        elect(moving, peer, committed);
      });
    }
  }
}

/** @throws {Error} naming the promise that is broken */
export function checkWorld(world: World): void {
  const { latest, floor, removed, safe } = world.ghost;
  const usable = [...world.peers.entries()].filter(([peer, { up, line }]) => {
    return up && line.grant !== null && mayUse(world, peer, line.grant);
  });
  const owners = usable.filter(([, { line }]) => line.state === "E" || line.state === "M");
  if (owners.length > 1 || (owners.length === 1 && usable.length > 1)) {
    throw new Error(`a writer is not alone: ${usable.map(([peer]) => nameOf(peer))}`);
  }
  for (const [peer, { line }] of usable) {
    const { version, value } = line.content!;
    const isWhole = version === null
      ? value === null
      : value!.join() === Object.values(version).join();
    if (!isWhole) throw new Error(`${nameOf(peer)} has another value than its version's`);
    const seen = version ?? removed;
    const isLate = floor !== null && !(seen !== null && compareVersions(seen, floor) >= 0);
    const isEarly = seen !== null && !isSettled(seen, latest);
    if (isLate || isEarly) throw new Error(`${nameOf(peer)} would read what is not current`);
  }
  if (safe !== null && !isSettled(safe, world.store.version)) {
    throw new Error("a write that was confirmed is not committed");
  }
}

/** A world in which nothing can happen any more. @throws {Error} where somebody waits in it */
export function checkQuiet(world: World): void {
  for (const [peer, { line, up }] of world.peers.entries()) {
    if (up && line.ask !== null) throw new Error(`${nameOf(peer)} waits for ever`);
  }
  for (const { entry, isGone } of world.homes) {
    const isWaiting = entry !== null && (entry.job !== null || entry.queue.length > 0);
    if (!isGone && isWaiting && entry.exact) throw new Error("the home has a job for ever");
  }
}
