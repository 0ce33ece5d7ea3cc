/**
 * Who breaks the cluster. Every kind of fault has a period drawn from the seed; each strikes, lasts a
 * while and is undone, faults of different kinds meeting as chance has it. `heal` undoes everything.
 */
import type { Random } from "../../src/random.ts";
import { exponentialMs, type FaultRates } from "./fault_rates.ts";
import { Strikes } from "./strikes.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

/** No more than this many peers beyond the founders. */
const JOINERS_MAX = 2;

export class Nemesis {
  readonly #cluster: VirtualCluster;
  readonly #random: Random;
  readonly #rates: FaultRates;
  readonly #strikes: Strikes;
  #joined = 0;

  constructor(cluster: VirtualCluster, random: Random, rates: FaultRates) {
    this.#cluster = cluster;
    this.#random = random;
    this.#rates = rates;
    this.#strikes = new Strikes(cluster.scheduler, random);
  }

  /** How often each kind of fault struck. */
  get strikes(): ReadonlyMap<string, number> {
    return this.#strikes.counts;
  }

  start(): void {
    const { periods, wallJumpMs } = this.#rates;
    const strikes = this.#strikes;
    strikes.every(periods.crashMs, "crash", () => this.#crash());
    strikes.every(periods.restartMs, "restart", () => this.#restart());
    strikes.every(periods.pauseMs, "pause", () => this.#pause());
    strikes.every(periods.partitionMs, "partition", () => this.#partition());
    strikes.every(periods.diskFailureMs, "disk failure", () => this.#failDisk());
    strikes.every(periods.transferMs, "transfer", () => this.#transfer());
    strikes.every(periods.snapshotMs, "snapshot", () => this.#snapshot());
    strikes.every(periods.membershipMs, "membership", () => this.#changeMembership());
    strikes.every(periods.absenceMs, "absence", () => this.#absence());
    strikes.every(periods.drainMs, "drain", () => this.#drain());
    strikes.every(wallJumpMs, "wall clock", () => this.#setWallClock());
  }

  /** The end of the first phase: no faults from here on, and all peers run. */
  heal(): void {
    this.#strikes.end();
    this.#cluster.network.mendAll();
    for (const peer of this.#cluster.peers) {
      peer.wake();
      peer.soundDisk();
      if (!peer.running && !peer.removed) peer.start();
    }
  }

  /** Undoes something after a while. */
  #later(meanMs: number, undo: () => void): void {
    this.#strikes.after(10 + exponentialMs(this.#random, meanMs), undo);
  }

  #running(): readonly VirtualPeer[] {
    return this.#cluster.peers.filter((peer) => peer.running);
  }

  #crash(): void {
    const running = this.#running();
    const down = this.#cluster.peers.filter((peer) => !peer.running && !peer.removed).length;
    const minority = Math.floor((this.#cluster.peers.length - 1) / 2);
    if (running.length === 0 || (down >= minority && !this.#random.chance(0.2))) return;
    const peer = this.#random.pick(running);
    const dice = this.#random.fraction();
    if (dice < 0.5) peer.kill();
    else peer.cutPower({ tornTail: dice < 0.85 });
    this.#later(1_500, () => {
      if (!peer.running && !peer.removed) peer.start();
    });
  }

  /** Long enough to be taken for dead: what it held is built elsewhere, and then it is back. */
  #absence(): void {
    const running = this.#running();
    const down = this.#cluster.peers.filter((peer) => !peer.running && !peer.removed).length;
    if (running.length < 3 || down > 0) return;
    const peer = this.#random.pick(running);
    peer.kill();
    this.#strikes.after(5_000 + exponentialMs(this.#random, 20_000), () => {
      if (!peer.running && !peer.removed) peer.start();
    });
  }

  /** An operator empties a peer of partitions, and perhaps thinks better of it. */
  #drain(): void {
    const asked = this.#running().filter((peer) => peer.status() !== null);
    if (asked.length < 2) return;
    const through = this.#random.pick(asked);
    const { id } = this.#random.pick(this.#cluster.peers);
    const setDraining = (draining: boolean) =>
      through.attempt((core) => core.members.drain(id, draining, 5_000));
    setDraining(true);
    if (this.#random.chance(0.7)) this.#later(5_000, () => setDraining(false));
  }

  /** As an upgrade: each peer by itself, or all at once. */
  #restart(): void {
    const running = this.#running();
    if (running.length === 0) return;
    const leader = this.#cluster.leader();
    const dice = this.#random.fraction();
    const restarted = dice < 0.2
      ? running
      : [dice < 0.6 && leader !== null ? leader : this.#random.pick(running)];
    for (const peer of restarted) peer.restart(exponentialMs(this.#random, 500));
  }

  #pause(): void {
    const running = this.#running();
    if (running.length === 0) return;
    const { actor } = this.#random.pick(running);
    if (actor === null) return;
    const pauseMs = 20 + exponentialMs(this.#random, this.#random.chance(0.3) ? 5_000 : 800);
    const untilMs = this.#cluster.scheduler.nowMs + pauseMs;
    actor.pausedUntilMs = Math.max(actor.pausedUntilMs, untilMs);
  }

  #partition(): void {
    const ids = this.#cluster.peers.map((peer) => peer.id);
    if (ids.length < 2) return;
    const dice = this.#random.fraction();
    const one = this.#random.pick(ids);
    const others = ids.filter((id) => id !== one);
    if (dice < 0.35) this.#cutBetween([one], others, 2_000);
    else if (dice < 0.55) {
      const half = ids.filter(() => this.#random.chance(0.5));
      this.#cutBetween(half, ids.filter((id) => !half.includes(id)), 2_000);
    } else if (dice < 0.7) this.#cutOneWay([[one, this.#random.pick(others)]], 3_000);
    else if (dice < 0.8) this.#cutOneWay(others.map((other) => [one, other]), 3_000);
    else if (dice < 0.9) this.#flap(one, this.#random.pick(others), this.#random.integer(3, 12));
    else this.#cluster.network.disconnect(one, this.#random.pick(others));
  }

  #setWallClock(): void {
    const running = this.#running();
    if (running.length === 0) return;
    const spanMs = exponentialMs(this.#random, this.#random.chance(0.5) ? 300 : 60_000);
    this.#random.pick(running).jumpWallClock(this.#random.chance(0.5) ? spanMs : -spanMs);
  }

  #cutBetween(left: readonly string[], right: readonly string[], meanMs: number): void {
    const ways = left.flatMap((one) =>
      right.flatMap((other): [string, string][] => [[one, other], [other, one]])
    );
    this.#cutOneWay(ways, meanMs);
  }

  #cutOneWay(ways: readonly (readonly [string, string])[], meanMs: number): void {
    for (const [from, to] of ways) this.#cluster.network.cut(from, to);
    this.#later(meanMs, () => {
      for (const [from, to] of ways) this.#cluster.network.mend(from, to);
    });
  }

  #flap(one: string, other: string, times: number): void {
    this.#cutOneWay([[one, other], [other, one]], 150);
    if (times > 0) this.#later(400, () => this.#flap(one, other, times - 1));
  }

  #failDisk(): void {
    const peer = this.#random.pick(this.#cluster.peers);
    const dice = this.#random.fraction();
    if (dice < 0.4) peer.faults.full = true;
    else if (dice < 0.7) peer.faults.failChance = 0.05 + this.#random.fraction();
    else peer.slowDisk();
    this.#later(2_500, () => peer.wornDisk());
  }

  #transfer(): void {
    const group = this.#anyGroup();
    const leader = this.#cluster.leader(group);
    const status = leader?.status(group);
    if (!leader || !status || status.configuration.voters.length < 2) return;
    const to = this.#random.pick(status.configuration.voters).peer;
    leader.attempt((core) => core.groups.transferLeadership(group, to, 2_000));
  }

  #snapshot(): void {
    const group = this.#anyGroup();
    const replicas = this.#running().filter((peer) => peer.status(group) !== null);
    if (replicas.length === 0) return;
    this.#random.pick(replicas).attempt((core) => core.groups.takeSnapshot(group));
  }

  /** The system group as often as all partitions together. */
  #anyGroup(): number {
    const groups = new Set(this.#running().flatMap(({ core }) => core?.groups.groups() ?? []));
    const partitions = [...groups].filter((group) => group > 0).sort((one, other) => one - other);
    if (partitions.length === 0 || this.#random.chance(0.5)) return 0;
    return this.#random.pick(partitions);
  }

  #changeMembership(): void {
    const dice = this.#random.fraction();
    if (dice < 0.35 && this.#joined < JOINERS_MAX) {
      this.#joined++;
      this.#cluster.addJoiner();
      return;
    }
    const asked = this.#running().filter((peer) => peer.status() !== null);
    if (asked.length === 0) return;
    const through = this.#random.pick(asked);
    const { configuration } = through.status()!;
    const { voters, learners } = configuration;
    const change = (kind: "promote" | "demote", peer: string) =>
      through.attempt((core) =>
        core.groups.changeConfiguration(0, {
          expectedIndex: configuration.index,
          operations: [{ kind, peer }],
        }, 3_000)
      );
    if (dice < 0.6 && learners.length > 0) change("promote", this.#random.pick(learners).peer);
    else if (dice < 0.8 && voters.length > 2) change("demote", this.#random.pick(voters).peer);
    else if (voters.length + learners.length > 3) {
      const id = this.#random.pick([...voters, ...learners]).peer;
      this.#cluster.removeMember(through, id);
    }
  }
}
