/**
 * What runs on group 0 at this peer: the members' and the locks' services over their machines, and the
 * steward, which keeps the group as it should be while this peer leads it.
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
import type { Hello } from "../net/transport.ts";
import type { PeerEdges } from "./edges.ts";
import type { LockStatistics } from "./peer.ts";

const STEWARD_INTERVAL_MS = 1_000;

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
  #timer: Timer | null = null;
  #stopped = false;

  /** @param groups holds group 0 already */
  constructor(
    edges: PeerEdges,
    bootId: string,
    groups: Groups,
    machines: SystemMachines,
    liveness: LivenessSource,
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
      clock,
      logger,
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
    const look = () => this.#steward.tick(clock.monotonicMs());
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
    this.#dialMembers();
    this.#lookAgain();
  }

  /** Whoever belongs to the cluster is connected for good, whatever list it was found by. */
  #dialMembers(): void {
    const others = this.#machines.members.members().filter(({ id }) => id !== this.#edges.self);
    this.#edges.transport.dial(others.flatMap(({ addresses }) => addresses));
  }

  #lookAgain(): void {
    this.#timer = this.#edges.clock.timer(STEWARD_INTERVAL_MS, () => {
      if (this.#stopped) return;
      this.#steward.tick(this.#edges.clock.monotonicMs());
      this.#lookAgain();
    });
  }

  lockStatistics(): LockStatistics {
    return this.#machines.locks.counts;
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
    this.locks.close(reason);
    this.members.stop();
  }
}
