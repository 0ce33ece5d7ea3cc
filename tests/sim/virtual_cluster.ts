/**
 * All peers of one simulation, running and crashed, and the world between them.
 */
import type { PeerAccess } from "./caller.ts";
import { hex, type SimulatedTiming } from "./core_under_test.ts";
import { CACHE_TOPIC } from "../../src/cache/post.ts";
import { RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { decodeGroupMessage } from "../../src/groups/wire.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import type { FaultRates } from "./fault_rates.ts";
import { PlacementChecker } from "./placement_checker.ts";
import { RaftChecker } from "./raft_checker.ts";
import type { SimulationLog } from "./simulation_log.ts";
import { VirtualNetwork } from "./virtual_network.ts";
import { VirtualPeer } from "./virtual_peer.ts";
import type { Actor, Scheduler } from "./virtual_time.ts";

/** Whoever is away longer than this is known to be: several election timeouts at the slowest clocks. */
const LONG_GONE_MS = 15_000;
/** The core's and the machines' own invariants are dear: every so many events of a peer. */
const INVARIANTS_EVERY = 16;

export class VirtualCluster {
  readonly peers: VirtualPeer[] = [];
  readonly network: VirtualNetwork;
  readonly checker = new RaftChecker();
  /** Sees every frame of the cache as it is sent. */
  onCacheFrame: (from: PeerId, to: PeerId, messages: readonly unknown[]) => void = () => {};
  readonly placement: PlacementChecker;
  /** A peer is asked to stop. */
  onStopping: (peer: VirtualPeer) => void = () => {};
  readonly #random: Random;
  readonly #rates: FaultRates;
  readonly timing: SimulatedTiming;
  readonly #log: SimulationLog;
  readonly #fail: (error: unknown) => void;
  #observed = 0;

  /** @param fail called with whatever must never happen */
  constructor(
    readonly scheduler: Scheduler,
    random: Random,
    rates: FaultRates,
    timing: SimulatedTiming,
    log: SimulationLog,
    fail: (error: unknown) => void,
  ) {
    this.#random = random;
    this.#rates = rates;
    this.timing = timing;
    this.#log = log;
    this.#fail = fail;
    this.placement = new PlacementChecker({
      isLongGone: (id) => this.#isLongGone(id),
      replicaOf: (id, group) => this.#replicaOf(id, group),
    });
    this.network = new VirtualNetwork(scheduler, random, rates.network);
    this.network.onMessage = (from, to, topic, body) => {
      if (topic === RAFT_TOPIC) this.#checkPromises(from, to, body as readonly unknown[]);
      if (topic === CACHE_TOPIC) this.onCacheFrame(from, to, body as readonly unknown[]);
    };
    scheduler.afterEvent = (actor) => this.#observe(actor);
  }

  /** Starts the founders, each a little later than the other. */
  found(count: number): void {
    for (let place = 0; place < count; place++) {
      const peer = this.#add(`p${place + 1}`, count);
      this.scheduler.after(this.#random.fraction() * 500, null, "start", () => peer.start());
    }
  }

  /** One more peer, which asks to be added. */
  addJoiner(): void {
    this.#add(`p${this.peers.length + 1}`, 0).start();
  }

  /** Asks for the removal of a member, and switches its machine off once that is done. */
  removeMember(through: VirtualPeer, id: string): void {
    const gone = this.peers.find((peer) => peer.id === id);
    if (gone === undefined) return;
    gone.removing = true;
    through.attempt(async (core) => {
      await core.members.remove(id, { force: false }, 5_000);
      this.#log.line(this.scheduler.nowMs, gone.name, "was removed");
      gone.removed = true;
      gone.kill();
    });
  }

  /** The peer that leads the group, by default the system group, in the highest term. */
  leader(group = 0): VirtualPeer | null {
    let leader: VirtualPeer | null = null;
    let termMax = -1;
    for (const peer of this.peers) {
      const status = peer.status(group);
      if (status?.role !== "leader" || status.term <= termMax) continue;
      leader = peer;
      termMax = status.term;
    }
    return leader;
  }

  access(): PeerAccess | null {
    return this.anyRunning()?.access() ?? null;
  }

  /** Drawn at random; null where none runs. */
  anyRunning(): VirtualPeer | null {
    const running = this.peers.filter((peer) => peer.running);
    return running.length === 0 ? null : this.#random.pick(running);
  }

  #add(name: string, expect: number): VirtualPeer {
    const world = {
      scheduler: this.scheduler,
      network: this.network,
      checker: this.checker,
      placement: this.placement,
      log: this.#log,
      rates: this.#rates,
      timing: this.timing,
      stopping: (peer: VirtualPeer) => this.onStopping(peer),
      fail: this.#fail,
    };
    const peer = new VirtualPeer(name, hex(this.#random, 32), expect, world, this.#random);
    this.peers.push(peer);
    return peer;
  }

  /** What it decides now, it decides by these members. */
  #observeDriver(peer: VirtualPeer): void {
    if (peer.status()?.role !== "leader") return;
    const members = peer.core?.generation.system?.members;
    const wanted = members?.wanted()?.placements[0]?.replicas.length ?? 0;
    // Where nobody owns anything, nothing is decided.
    if (wanted > 0) this.placement.drives(wanted);
  }

  #replicaOf(id: PeerId, group: number): number | null | undefined {
    const peer = this.peers.find((candidate) => candidate.id === id);
    if (!peer?.core) return undefined;
    return peer.status(group)?.replica ?? null;
  }

  #isLongGone(id: PeerId): boolean {
    const peer = this.peers.find((candidate) => candidate.id === id);
    if (peer === undefined || peer.removed) return true;
    return peer.goneSinceMs !== null && this.scheduler.nowMs - peer.goneSinceMs > LONG_GONE_MS;
  }

  #checkPromises(from: PeerId, to: PeerId, messages: readonly unknown[]): void {
    for (const value of messages) {
      const message = decodeGroupMessage(value, from, to);
      if (message === null) return this.#fail(new Error(`${from} sends what cannot be decoded`));
      try {
        this.checker.sent(message.group, message.envelope);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #observe(actor: Actor | null): void {
    const peer = this.peers.find((candidate) => candidate.actor === actor);
    if (actor === null || peer === undefined) return;
    try {
      this.#observeDriver(peer);
      peer.observe();
      if (++this.#observed % INVARIANTS_EVERY === 0) peer.core?.generation.host.checkInvariants();
    } catch (error) {
      this.#fail(error);
    }
  }
}
