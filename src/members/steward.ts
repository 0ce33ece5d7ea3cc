/**
 * Keeps group 0 as it should be while this peer leads it: asks `decide` what is missing and carries it
 * out, one action at a time. Whatever fails is decided anew at the next tick, by this peer or by the
 * next leader: nothing is remembered here but since when peers are out of touch.
 */
import { SkeinError } from "../errors.ts";
import type { Groups, GroupStatus } from "../groups/groups.ts";
import { errorOf } from "../groups/refusal.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import { encodeMembersCommand, MEMBERS_MACHINE, type MembersCommand } from "./commands.ts";
import { decide, type StewardAction } from "./decide.ts";
import type { MembersMachine } from "./machine.ts";
import type { LivenessSource } from "./service.ts";

export interface StewardOptions {
  readonly self: PeerId;
  readonly groups: Pick<Groups, "propose" | "changeConfiguration" | "status">;
  readonly machine: MembersMachine;
  readonly liveness: LivenessSource;
  readonly logger: Logger;
  /**
   * Detaches the lock waiters of an ended boot of a peer, by an entry of group 0. May be asked for the
   * same again. @throws {SkeinError} by rejection, when it could not
   */
  readonly detach: (peer: PeerId, bootId: string) => Promise<void>;
  /** `--system-voters`: 3 or 5. */
  readonly votersTarget: number;
  /** `--dead-peer-grace`. */
  readonly graceMs: number;
}

const ACTION_TIMEOUT_MS = 5_000;

export class Steward {
  readonly #options: StewardOptions;
  /** Monotonic time since when a peer is out of touch; only kept while leading. */
  readonly #unreachableSinceMs = new Map<PeerId, number>();
  #acting = false;
  #stopped = false;

  constructor(options: StewardOptions) {
    this.#options = options;
  }

  /**
   * Looks at group 0 and acts where something is missing. Called about every second, and at once when
   * members, configuration or leadership changed. Does nothing unless this peer leads group 0.
   * @param nowMs monotonic
   */
  tick(nowMs: number): void {
    const status = this.#leading();
    if (status === null) return this.#unreachableSinceMs.clear();
    this.#watch(nowMs);
    if (!this.#acting && !this.#stopped) void this.#act(status, nowMs);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** One action after the other, until nothing is missing or one fails. */
  async #act(first: GroupStatus, nowMs: number): Promise<void> {
    this.#acting = true;
    try {
      for (let status: GroupStatus | null = first; status !== null; status = this.#leading()) {
        const action = this.#decide(status, nowMs);
        if (action === null || this.#stopped) return;
        await this.#carryOut(action);
      }
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      this.#options.logger.log("debug", `the steward of group 0 was held up: ${error.message}`);
    } finally {
      this.#acting = false;
    }
  }

  #decide(status: GroupStatus, nowMs: number): StewardAction | null {
    const { self, machine, votersTarget, graceMs } = this.#options;
    const unreachableMs = new Map<PeerId, number>();
    for (const [peer, sinceMs] of this.#unreachableSinceMs) {
      unreachableMs.set(peer, nowMs - sinceMs);
    }
    return decide({
      unfounded: machine.clusterId === null ? machine.plan : null,
      self,
      configuration: status.configuration,
      members: machine.members(),
      endedBoots: machine.endedBoots(),
      followers: status.followers,
      commitIndex: status.commitIndex,
      unreachableMs,
      votersTarget,
      graceMs,
    });
  }

  async #carryOut(action: StewardAction): Promise<void> {
    const { groups, logger, detach } = this.#options;
    switch (action.kind) {
      case "found":
        return await this.#propose(action);
      case "detach":
        await detach(action.peer, action.bootId);
        return await this.#propose({ ...action, kind: "detached" });
      case "markDead":
        logger.log("warn", `${this.#nameOf(action.peer)} is out of touch: marked dead`);
        return await this.#propose(action);
      case "markAlive":
        logger.log("info", `${this.#nameOf(action.peer)} is back`);
        return await this.#propose(action);
      case "configure": {
        const { expectedIndex, operations } = action;
        const words = operations.map(({ kind, peer }) => `${kind} ${this.#nameOf(peer)}`);
        logger.log("info", `group 0: ${words.join(", ")}`);
        return await groups.changeConfiguration(
          0,
          { expectedIndex, operations },
          ACTION_TIMEOUT_MS,
        );
      }
    }
  }

  async #propose(command: MembersCommand): Promise<void> {
    const body = encodeMembersCommand(command);
    const options = { timeoutMs: ACTION_TIMEOUT_MS, request: null };
    const answer = await this.#options.groups.propose(0, MEMBERS_MACHINE, body, options);
    const error = errorOf(answer);
    if (error !== null) throw error;
  }

  #watch(nowMs: number): void {
    const { self, machine, liveness } = this.#options;
    const members = new Set(machine.members().map((member) => member.id));
    for (const peer of this.#unreachableSinceMs.keys()) {
      if (!members.has(peer)) this.#unreachableSinceMs.delete(peer);
    }
    for (const peer of members) {
      if (peer === self || liveness.state(peer) === "alive") this.#unreachableSinceMs.delete(peer);
      else if (liveness.state(peer) === "dead" && !this.#unreachableSinceMs.has(peer)) {
        this.#unreachableSinceMs.set(peer, nowMs);
      }
    }
  }

  #leading(): GroupStatus | null {
    const status = this.#options.groups.status(0);
    return status?.role === "leader" ? status : null;
  }

  #nameOf(peer: PeerId): string {
    return this.#options.machine.member(peer)?.name ?? peer.slice(0, 8);
  }
}
