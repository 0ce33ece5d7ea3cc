/**
 * What runs on group 0 at this peer: the members' and the locks' services over their machines, and, while
 * this peer leads it, the steward, which keeps the group as it should be, and the placement driver, which
 * keeps the partitions so.
 */
import type { Timer } from "../clock.ts";
import type { SkeinError } from "../errors.ts";
import type { Groups } from "../groups/groups.ts";
import { LockMachine } from "../locks/machine.ts";
import { LockService } from "../locks/service.ts";
import { MembersMachine } from "../members/machine.ts";
import { memberInfo } from "../members/member_info.ts";
import type { FormationPlan } from "../members/plan.ts";
import { type LivenessSource, MemberService } from "../members/service.ts";
import { Steward } from "../members/steward.ts";
import type { Wanted } from "../members/wanted.ts";
import type { Hello } from "../net/transport.ts";
import { type DriverCounts, PlacementDriver } from "../placement/driver.ts";
import type { Reporter } from "../placement/reporter.ts";
import type { PeerId } from "../raft/entry.ts";
import type { PeerEdges } from "./edges.ts";
import type { LockStatistics } from "./peer.ts";

/** So often steward and driver look, if nothing makes them look before. */
const LOOK_INTERVAL_MS = 1_000;
/** `[peer]` → null where the cluster can be without it; asked of group 0's leader. */
export const REMOVAL_METHOD = "placement.removal";

/** The machines of group 0, in the order in which they expire. */
export interface SystemMachines {
  readonly members: MembersMachine;
  readonly locks: LockMachine;
}

/** @param plan the one that this peer founded its cluster on; null for one that joined */
export function makeSystemMachines(plan: FormationPlan | null): SystemMachines {
  return { members: new MembersMachine(plan), locks: new LockMachine() };
}

export class System {
  readonly members: MemberService;
  readonly locks: LockService;
  readonly #edges: PeerEdges;
  readonly #machines: SystemMachines;
  readonly #steward: Steward;
  readonly #driver: PlacementDriver;
  /** Addresses that are dialled because somebody asked for it, each as often as it was. */
  readonly #introduced: string[] = [];
  #timer: Timer | null = null;
  #stopped = false;

  /**
   * @param groups holds group 0 already
   * @param reporter tells the driver, here or elsewhere, what this peer leads
   */
  constructor(
    edges: PeerEdges,
    bootId: string,
    groups: Groups,
    machines: SystemMachines,
    liveness: LivenessSource,
    reporter: Reporter,
  ) {
    this.#edges = edges;
    this.#machines = machines;
    const { self, transport, clock, logger } = edges;
    this.members = new MemberService({
      self,
      groups,
      machine: machines.members,
      liveness,
      transport,
      cacheFront: edges.cacheFront ?? "",
      clock,
      logger,
      dial: (address) => this.#introduce(address),
      checkRemoval: async (peer, timeoutMs) => {
        await groups.ask(0, REMOVAL_METHOD, [peer], timeoutMs);
      },
    });
    this.locks = new LockService({
      groups,
      machine: machines.locks,
      clock,
      logger,
      peer: self,
      bootId,
    });
    this.#steward = new Steward({
      self,
      groups,
      machine: machines.members,
      liveness,
      logger,
      detach: (peer, ended) => this.locks.detach(peer, ended),
      votersTarget: edges.parameters.systemVoters,
      graceMs: edges.deadPeerGraceMs,
    });
    this.#driver = new PlacementDriver({
      self,
      groups,
      members: machines.members,
      wanted: () => this.members.wanted(),
      reporter,
      transport,
      clock,
      logger,
      electionTimeoutMs: edges.timing.electionTimeoutMaxMs,
    });
    this.#listen(groups);
    this.#dialMembers();
    this.#lookAgain();
  }

  #listen(groups: Groups): void {
    const look = () => this.#look();
    groups.listen(0, {
      effects: (effects) => {
        if (!effects.some(({ kind }) => kind.startsWith("member"))) return;
        this.members.effects(effects);
        this.#dialMembers();
        queueMicrotask(look);
      },
      restored: () => this.#dialMembers(),
      status: () => queueMicrotask(look),
    });
  }

  #look(): void {
    if (this.#stopped) return;
    this.#steward.tick(this.#edges.clock.monotonicMs());
    this.#driver.tick();
  }

  /** Whoever belongs to the cluster is connected for good, whatever list it was found by. */
  #dialMembers(): void {
    const others = this.#machines.members.members().filter(({ id }) => id !== this.#edges.self);
    const addresses = others.flatMap(({ addresses }) => addresses);
    this.#edges.transport.dial([...addresses, ...this.#introduced]);
  }

  /** @returns to be called when the address need no longer be dialled for whoever asked */
  #introduce(address: string): () => void {
    this.#introduced.push(address);
    this.#dialMembers();
    return () => {
      this.#introduced.splice(this.#introduced.indexOf(address), 1);
      if (!this.#stopped) this.#dialMembers();
    };
  }

  #lookAgain(): void {
    this.#timer = this.#edges.clock.timer(LOOK_INTERVAL_MS, () => {
      if (this.#stopped) return;
      this.#look();
      this.#lookAgain();
    });
  }

  lockStatistics(): LockStatistics {
    return this.#machines.locks.counts;
  }

  /** What this peer has moved as the driver. */
  get placementCounts(): DriverCounts {
    return this.#driver.counts;
  }

  /** What this peer's own members want, and their revision; null before there are any, and where it is none of them. */
  wanted(): { readonly revision: number; readonly wanted: Wanted } | null {
    const wanted = this.members.find(this.#edges.self) === null ? null : this.members.wanted();
    return wanted === null ? null : { revision: this.#machines.members.revision, wanted };
  }

  /** Answers `REMOVAL_METHOD`: see `PlacementDriver.checkRemoval`. */
  checkRemoval(peer: PeerId): Promise<void> {
    return this.#driver.checkRemoval(peer);
  }

  /** Tells the cluster what this peer is now. */
  register(clusterId: string, hello: Hello): void {
    this.members.register(clusterId, memberInfo({ id: this.#edges.self, hello }));
  }

  /** This peer is about to stop: who waits here is sent elsewhere. */
  drain(): Promise<void> {
    return this.locks.drain();
  }

  /** @param reason what callers are told who wait here */
  stop(reason: SkeinError): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#steward.stop();
    this.#driver.stop();
    this.locks.close(reason);
    this.members.stop();
  }
}
