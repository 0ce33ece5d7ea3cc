/**
 * Faults that aim at the cache: each makes the schedule for which one rule of its leases, grants and write-backs is
 * there, and which chance alone would take long to find. They fall upon a partition and a peer that may hold lines of it,
 * and look at what the cache's frames carry, so that what is late is what the rule speaks of.
 */
import type { LineLetter } from "../../src/cache/cache.ts";
import { decodeMessage } from "../../src/cache/message_codec.ts";
import type { CacheMessage } from "../../src/cache/messages.ts";
import { CACHE_TOPIC } from "../../src/cache/post.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import type { CacheFault, CacheFaultPeriods } from "./fault_rates.ts";
import { Strikes } from "./strikes.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

/** The home of a key. */
interface Target {
  readonly key: string;
  readonly group: number;
  readonly home: VirtualPeer;
  /** The other voters of its group. */
  readonly others: readonly PeerId[];
}

/** A peer that has a line of a key whose home is another one. */
interface HolderTarget extends Target {
  readonly holder: VirtualPeer;
}

/** Frames that are late on their way from one peer to another. */
interface Hold {
  readonly from: PeerId;
  readonly to: PeerId;
  /** Whether the frame with this message is. */
  readonly isHeld: (message: CacheMessage) => boolean;
  readonly byMs: number;
  readonly untilMs: number;
  /** The first one was sent. */
  readonly began?: () => void;
  hasBegun: boolean;
}

/** For so long, in all, it is looked for somebody to strike. */
const LOOK_MS = 10;
const LOOKS_MAX = 300;
/** Whoever has one of these, has a line. */
const LINES: readonly LineLetter[] = ["S", "E", "M"];

export class CacheNemesis {
  /** How often each fault found somebody to strike. */
  readonly strikes = new Map<CacheFault, number>();
  readonly #cluster: VirtualCluster;
  readonly #random: Random;
  readonly #periods: CacheFaultPeriods;
  readonly #keys: readonly string[];
  readonly #strikes: Strikes;
  #holds: Hold[] = [];
  /** When the last strike will be over, and its victims in use again. */
  #quietFromMs = 0;

  /** @param keys that clients use */
  constructor(
    cluster: VirtualCluster,
    random: Random,
    periods: CacheFaultPeriods,
    keys: readonly string[],
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.#periods = periods;
    this.#keys = keys;
    this.#strikes = new Strikes(cluster.scheduler, random);
    cluster.network.heldMs = (from, to, topic, body) => {
      return topic === CACHE_TOPIC ? this.#heldMs(from, to, body as readonly unknown[]) : 0;
    };
  }

  start(): void {
    for (const [fault, periodMs] of this.#periods) {
      this.#strikes.every(periodMs, fault, () => this.#strike(fault));
    }
  }

  #strike(fault: CacheFault): void {
    switch (fault) {
      case "late home":
        return this.#soon(fault, () => this.#home(["M"]), (target) => this.#delayHome(target, 0.3));
      case "stale home":
        return this.#soon(
          fault,
          () => this.#home(["I", "S", "E"]),
          (found) => this.#delayHome(found, 1),
        );
      case "moved home":
        return this.#soon(fault, () => this.#holder(LINES), (target) => this.#moveHome(target));
      case "late renewal":
        return this.#soon(fault, () => this.#holder(LINES), (target) => this.#delayRenewal(target));
      case "late write-back":
        return this.#soon(
          fault,
          () => this.#holder(["M"]),
          (target) => this.#delayWriteBack(target),
        );
      case "late eviction":
        return this.#soon(
          fault,
          () => this.#holder(["M"]),
          (target) => this.#delayEviction(target),
        );
      case "asleep holder":
        return this.#soon(fault, () => this.#holder(LINES), (target) => this.#sendToSleep(target));
    }
  }

  /** Nothing is held up any more; whoever heals undoes the rest. */
  heal(): void {
    this.#strikes.end();
    this.#holds = [];
  }

  /**
   * A home that is cut off from its voters, and mostly paused until others have a new home, goes on as if it were one:
   * with its own lines, with what it has proposed, and with the peers in its company, which hear nobody else.
   * @param accompanied how likely each peer that is no voter is one of these
   */
  #delayHome({ home, others }: Target, accompanied: number): number {
    const outside = this.#running().map(({ id }) => id)
      .filter((id) => id !== home.id && !others.includes(id));
    const company = outside.filter(() => this.#random.chance(accompanied));
    const rest = [...others, ...outside.filter((id) => !company.includes(id))];
    const isPaused = home.actor !== null && this.#random.chance(0.8);
    // A new home is elected after one to two election timeouts, and waits for two more.
    const pauseMs = isPaused ? this.#electionTimeouts(3, 6.5) : 0;
    if (isPaused) home.actor!.pausedUntilMs = this.#cluster.scheduler.nowMs + pauseMs;
    const cutMs = isPaused
      ? pauseMs + this.#electionTimeouts(1.2, 4)
      : this.#electionTimeouts(4, 6);
    return this.#cut([home.id, ...company], rest, cutMs);
  }

  /** A partition's leadership goes to a peer of which a holder of lines hears nothing for a while. */
  #moveHome({ group, home, others, holder }: HolderTarget): number {
    const heirs = others.filter((id) => id !== holder.id);
    if (heirs.length === 0) return 0;
    const next = this.#random.pick(heirs);
    home.attempt((core) => core.groups.transferLeadership(group, next, 2_000));
    return this.#cut([next], [holder.id], this.#electionTimeouts(0.5, 2));
  }

  /** A home's answer to a renewal comes late, and after it the peer and the home hear nothing of each other. */
  #delayRenewal({ home, holder }: HolderTarget): number {
    return this.#hold({
      from: home.id,
      to: holder.id,
      isHeld: ({ kind }) => kind === "renewed",
      byMs: this.#electionTimeouts(0.5, 0.95),
      forMs: this.#electionTimeouts(0.5, 0.5),
      began: () => void this.#cut([home.id], [holder.id], this.#electionTimeouts(1.5, 2.5)),
    });
  }

  /** Of a peer that is cut off from the home, what it writes back comes yet: when its lease is over, and the line another's. */
  #delayWriteBack({ home, holder }: HolderTarget): number {
    this.#cut([home.id], [holder.id], this.#electionTimeouts(1.3, 2.3));
    return this.#hold({
      from: holder.id,
      to: home.id,
      isHeld: ({ kind }) => kind === "writeBack",
      byMs: this.#electionTimeouts(0.9, 1.6),
      forMs: this.#electionTimeouts(0.6, 0.6),
    });
  }

  /** What a peer evicts, or owes, comes behind its answers to recalls. */
  #delayEviction({ home, holder }: HolderTarget): number {
    return this.#hold({
      from: holder.id,
      to: home.id,
      isHeld: (message) => message.kind === "writeBack" && message.keeps === "nothing",
      byMs: this.#electionTimeouts(0.2, 1.5),
      forMs: this.#electionTimeouts(4, 4),
    });
  }

  /** The machine of a holder sleeps until its lease is long over, which its monotonic clock does not tell. */
  #sendToSleep({ holder }: HolderTarget): number {
    const forMs = this.#electionTimeouts(0.8, 3);
    holder.sleep(forMs);
    return forMs;
  }

  // ---- whom

  #running(): readonly VirtualPeer[] {
    return this.#cluster.peers.filter((peer) => peer.running);
  }

  /**
   * Strikes as soon as there is somebody to strike and the strike before is over, unless that takes long.
   * @param strike returns how long it lasts
   */
  #soon<T>(
    fault: CacheFault,
    find: () => T | null,
    strike: (target: T) => number,
    looks = LOOKS_MAX,
  ): void {
    const { nowMs } = this.#cluster.scheduler;
    const target = nowMs < this.#quietFromMs ? null : find();
    if (target !== null) {
      this.strikes.set(fault, (this.strikes.get(fault) ?? 0) + 1);
      this.#quietFromMs = nowMs + strike(target) + this.#electionTimeouts(0.5, 2.5);
    } else if (looks > 0) {
      this.#strikes.after(LOOK_MS, () => this.#soon(fault, find, strike, looks - 1));
    }
  }

  #targets(): readonly Target[] {
    return this.#keys.flatMap((key) => {
      const group = partitionOf("cache", key, this.#cluster.timing.partitions);
      const home = this.#cluster.leader(group);
      const status = home?.status(group);
      if (home === null || !status) return [];
      const voters = status.configuration.voters.map(({ peer }) => peer);
      return [{ key, group, home, others: voters.filter((id) => id !== home.id) }];
    });
  }

  /** A home whose own line of the key is in such a state, and that others can succeed. */
  #home(states: readonly LineLetter[]): Target | null {
    return this.#one(
      this.#targets().filter(({ key, home, others }) => {
        return others.length > 1 && states.includes(home.lineState(key)) && this.#isInUse(key);
      }),
    );
  }

  #isInUse(key: string): boolean {
    return this.#cluster.peers.some((peer) => peer.lineState(key) !== "I");
  }

  #holder(states: readonly LineLetter[]): HolderTarget | null {
    return this.#one(
      this.#targets().flatMap((target) =>
        this.#running()
          .filter((peer) => peer !== target.home && states.includes(peer.lineState(target.key)))
          .map((holder) => ({ ...target, holder }))
      ),
    );
  }

  #one<T>(targets: readonly T[]): T | null {
    return targets.length === 0 ? null : this.#random.pick(targets);
  }

  // ---- how

  /** A span between so many minimum election timeouts. */
  #electionTimeouts(least: number, most: number): number {
    const { electionTimeoutMinMs } = this.#cluster.timing;
    return (least + this.#random.fraction() * (most - least)) * electionTimeoutMinMs;
  }

  /** Unnoticed, so that what is held up arrives yet. @returns for how long */
  #cut(left: readonly PeerId[], right: readonly PeerId[], forMs: number): number {
    const { network } = this.#cluster;
    const ways = left.flatMap((one) =>
      right.flatMap((other): [PeerId, PeerId][] => [[one, other], [other, one]])
    );
    for (const [from, to] of ways) network.cutUnnoticed(from, to);
    this.#strikes.after(forMs, () => {
      for (const [from, to] of ways) network.mend(from, to);
    });
    return forMs;
  }

  /** From now on, for so long. @returns until the last of it has come */
  #hold(
    { forMs, ...hold }: Omit<Hold, "untilMs" | "hasBegun"> & { readonly forMs: number },
  ): number {
    const untilMs = this.#cluster.scheduler.nowMs + forMs;
    this.#holds.push({ ...hold, untilMs, hasBegun: false });
    return forMs + hold.byMs;
  }

  #heldMs(from: PeerId, to: PeerId, body: readonly unknown[]): number {
    if (this.#holds.length === 0) return 0;
    const { nowMs } = this.#cluster.scheduler;
    this.#holds = this.#holds.filter(({ untilMs }) => nowMs < untilMs);
    for (const hold of this.#holds) {
      if (hold.from !== from || hold.to !== to) continue;
      const isHeld = body.map(decodeMessage).some((one) => one !== null && hold.isHeld(one));
      if (!isHeld) continue;
      if (!hold.hasBegun) hold.began?.();
      hold.hasBegun = true;
      return hold.byMs;
    }
    return 0;
  }
}
