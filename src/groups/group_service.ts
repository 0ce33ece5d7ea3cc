/**
 * The face of the host towards services and other peers: proposals and reads that find their leader,
 * configuration changes, transfers, status. Requests that this peer can not serve itself go to the
 * leader, one hop; what other peers ask of this one as a leader comes in by `handle`.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { ConfigurationChange, Refusal } from "../raft/ready.ts";
import type { Random } from "../random.ts";
import { StorageFailedError } from "../storage/storage.ts";
import { Deadlines } from "./deadlines.ts";
import { encodeOutcome, PROPOSE_METHOD } from "./forwarder.ts";
import type { Group, ProposalResult, ReadResult } from "./group.ts";
import type { GroupListener, Groups, GroupStatus, ProposeOptions } from "./groups.ts";
import { type Host, unknownGroup } from "./host.ts";
import { LeaderWatch } from "./leader_watch.ts";
import type { Answer } from "./machine.ts";
import { busy, outcomeUnknown, Proposer } from "./proposer.ts";
import { ReadBatcher } from "./read_batcher.ts";

/** `[group, timeoutMs]` → the index at which a read is linearizable. */
const READ_METHOD = "group.read";
/** `[group, change, timeoutMs]`. */
const CONFIGURE_METHOD = "group.configure";
/** `[group, peer]`. */
const TRANSFER_METHOD = "group.transfer";

export interface GroupServiceEdges {
  readonly self: PeerId;
  readonly bootId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly host: Host;
  /** 2 × the maximum election timeout. */
  readonly leaderWaitMs: number;
  /** Why nothing can be done any more; null while all is well. */
  ended(): SkeinError | null;
}

export class GroupService implements Groups {
  readonly #edges: GroupServiceEdges;
  readonly #deadlines: Deadlines;
  readonly #proposer: Proposer;
  readonly #watch: LeaderWatch;
  readonly #readers = new Map<number, ReadBatcher>();

  constructor(edges: GroupServiceEdges) {
    this.#edges = edges;
    this.#deadlines = new Deadlines(edges.clock);
    this.#watch = new LeaderWatch(edges.clock);
    this.#proposer = new Proposer({
      self: edges.self,
      bootId: edges.bootId,
      clock: edges.clock,
      random: edges.random,
      transport: edges.transport,
      leaderWaitMs: edges.leaderWaitMs,
      group: (id) => edges.host.group(id),
      ended: () => edges.ended(),
      leaderChange: (group, delayMs) => this.#watch.wait(group, delayMs),
    }, this.#deadlines);
  }

  /** A group came to be at this peer: callers that wait for its leader are woken by its changes. */
  attach(group: number): void {
    this.listen(group, { effects() {}, status: () => this.#watch.changed(group) });
    this.#watch.changed(group);
  }

  propose(
    group: number,
    machine: string,
    command: unknown,
    options: ProposeOptions,
  ): Promise<Answer> {
    return this.#proposer.propose(group, machine, command, options);
  }

  readBarrier(group: number, timeoutMs: number): Promise<void> {
    let reader = this.#readers.get(group);
    if (reader === undefined) {
      reader = new ReadBatcher(() => this.#readRound(group));
      this.#readers.set(group, reader);
    }
    const noAnswer = () => noLeader(group);
    return this.#within(reader.join(), timeoutMs, noAnswer);
  }

  /** One linearizable read for all who share it, tried until some leader answers. */
  async #readRound(id: number): Promise<void> {
    const { clock, leaderWaitMs } = this.#edges;
    const giveUpMs = clock.monotonicMs() + leaderWaitMs;
    for (;;) {
      const ended = this.#edges.ended();
      if (ended !== null) throw ended;
      const index = await this.#readIndex(id);
      const group = this.#edges.host.group(id);
      if (index !== null && group !== undefined) {
        const applied = new Promise<void>((resolve) => group.whenApplied(index, resolve));
        return this.#within(applied, leaderWaitMs, () => noLeader(id));
      }
      const leftMs = giveUpMs - clock.monotonicMs();
      if (leftMs <= 0) throw noLeader(id);
      await this.#watch.wait(id, Math.min(READ_RETRY_MS, leftMs));
    }
  }

  /** @returns the leader's read index, or null when no leader answered */
  async #readIndex(id: number): Promise<number | null> {
    const group = this.#edges.host.group(id);
    const leader = group?.raft.leader ?? null;
    if (group === undefined || leader === null) return null;
    const { self, transport, leaderWaitMs } = this.#edges;
    if (leader === self) {
      const result = await this.#localReadIndex(group);
      return result.kind === "index" ? result.index : null;
    }
    try {
      const answer = await transport.request(leader, READ_METHOD, [id], leaderWaitMs);
      return typeof answer === "number" ? answer : null;
    } catch (error) {
      if (error instanceof RequestError) return null;
      throw error;
    }
  }

  #localReadIndex(group: Group): Promise<ReadResult> {
    return new Promise((resolve) => group.readIndex(resolve));
  }

  async changeConfiguration(
    group: number,
    change: ConfigurationChange,
    timeoutMs: number,
  ): Promise<void> {
    const leader = this.#leaderOf(group);
    if (leader === this.#edges.self) {
      return await this.#configureHere(this.#groupHere(group), change, timeoutMs);
    }
    const { expectedIndex, operations } = change;
    const pairs = operations.map(({ kind, peer }) => [kind, peer]);
    await this.#ask(leader, CONFIGURE_METHOD, [group, expectedIndex, pairs, timeoutMs], timeoutMs);
  }

  /**
   * Resolves once the configuration that this change ends in is committed: after the joint one, in which
   * a voter that is being removed still counts, has been left.
   */
  async #configureHere(
    group: Group,
    change: ConfigurationChange,
    timeoutMs: number,
  ): Promise<void> {
    const { clock } = this.#edges;
    const giveUpMs = clock.monotonicMs() + timeoutMs;
    const proposed = group.raft.proposeConfiguration(change, group.timeMs());
    this.#edges.host.changed(group);
    if (!proposed.ok) throw refusedError(proposed);
    for (let awaited = proposed.index;;) {
      const applied = new Promise<void>((resolve) => group.whenApplied(awaited, resolve));
      const leftMs = giveUpMs - clock.monotonicMs();
      await this.#within(applied, leftMs, () => outcomeUnknown("the change is not committed yet"));
      const { configuration, term } = group.raft;
      if (term !== proposed.term) throw outcomeUnknown("the leader changed meanwhile");
      const isJoint = configuration.votersOutgoing.length > 0;
      if (!isJoint && configuration.index <= awaited) return;
      awaited = Math.max(awaited + 1, configuration.index);
    }
  }

  async transferLeadership(group: number, to: PeerId, timeoutMs: number): Promise<void> {
    const leader = this.#leaderOf(group);
    if (leader === to) return;
    if (leader !== this.#edges.self) {
      await this.#ask(leader, TRANSFER_METHOD, [group, to, timeoutMs], timeoutMs);
      return;
    }
    const here = this.#groupHere(group);
    const result = here.raft.transferLeadership(to);
    this.#edges.host.changed(here);
    if (!result.ok) throw refusedError(result);
    const { clock } = this.#edges;
    const giveUpMs = clock.monotonicMs() + timeoutMs;
    while (here.raft.leader !== to) {
      const leftMs = giveUpMs - clock.monotonicMs();
      if (leftMs <= 0) {
        throw new SkeinError("UNAVAILABLE", `leadership did not pass to ${to} in time`);
      }
      await this.#watch.wait(group, leftMs);
    }
  }

  async takeSnapshot(group: number): Promise<SnapshotMeta> {
    const here = this.#groupHere(group);
    const snapshot = await this.#edges.host.takeSnapshot(here).catch((error) => {
      if (!(error instanceof StorageFailedError)) throw error;
      throw new SkeinError("STORAGE_FAILED", `no snapshot was taken: ${error.message}`);
    });
    if (snapshot === null) {
      throw new SkeinError("CONFLICT", `group ${group} has nothing to take a snapshot of yet`);
    }
    return snapshot;
  }

  status(group: number): GroupStatus | null {
    return this.#edges.host.group(group)?.status() ?? null;
  }

  groups(): readonly number[] {
    return [...this.#edges.host.groups()].map((group) => group.id);
  }

  timeMs(group: number): number {
    return this.#groupHere(group).timeMs();
  }

  listen(group: number, listener: GroupListener): void {
    this.#groupHere(group).listen(listener);
  }

  /**
   * A request of another peer, for a group that this one leads.
   * @returns null where the method is not one of the groups'
   * @throws {SkeinError} by rejection: NOT_LEADER, TOO_MANY_REQUESTS, OUTCOME_UNKNOWN, …
   */
  handle(method: string, body: unknown): Promise<unknown> | null {
    if (!Array.isArray(body)) return null;
    switch (method) {
      case PROPOSE_METHOD:
        return this.#onPropose(body);
      case READ_METHOD:
        return this.#onRead(body);
      case CONFIGURE_METHOD:
        return this.#onConfigure(body);
      case TRANSFER_METHOD:
        return this.#onTransfer(body);
      default:
        return null;
    }
  }

  async #onPropose([id, timeoutMs, payloads]: unknown[]): Promise<unknown> {
    const group = this.#ledHere(id);
    if (!Array.isArray(payloads) || typeof timeoutMs !== "number") throw malformed();
    if (group.waitingProposals + payloads.length > LIMITS.pendingProposalsMax) throw busy();
    const outcomes = payloads.map((payload: unknown) => {
      if (!(payload instanceof Uint8Array)) throw malformed();
      return this.#proposer.local(group, payload, timeoutMs);
    });
    return (await Promise.all(outcomes)).map((result) => encodeOutcome(outcomeOf(result)));
  }

  async #onRead([id]: unknown[]): Promise<number> {
    const result = await this.#localReadIndex(this.#ledHere(id));
    if (result.kind === "index") return result.index;
    throw refusedError(result.refusal);
  }

  async #onConfigure([id, expectedIndex, pairs, timeoutMs]: unknown[]): Promise<null> {
    const group = this.#ledHere(id);
    if (typeof expectedIndex !== "number" || typeof timeoutMs !== "number") throw malformed();
    const operations = operationsOf(pairs);
    await this.#configureHere(group, { expectedIndex, operations }, timeoutMs);
    return null;
  }

  async #onTransfer([id, to, timeoutMs]: unknown[]): Promise<null> {
    const group = this.#ledHere(id);
    if (typeof to !== "string" || typeof timeoutMs !== "number") throw malformed();
    await this.transferLeadership(group.id, to, timeoutMs);
    return null;
  }

  #ledHere(id: unknown): Group {
    if (typeof id !== "number") throw malformed();
    const group = this.#edges.host.group(id);
    if (group === undefined || !group.leads) {
      throw new SkeinError("NOT_LEADER", `this peer does not lead group ${id}`, {
        leader: group?.raft.leader ?? null,
      });
    }
    return group;
  }

  #groupHere(id: number): Group {
    const group = this.#edges.host.group(id);
    if (group === undefined) throw this.#edges.ended() ?? unknownGroup(id);
    return group;
  }

  #leaderOf(id: number): PeerId {
    const leader = this.#groupHere(id).raft.leader;
    if (leader === null) throw noLeader(id);
    return leader;
  }

  async #ask(peer: PeerId, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    try {
      return await this.#edges.transport.request(peer, method, body, timeoutMs);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.reason === "unreachable") throw new SkeinError("NO_LEADER", error.message);
      if (error.reason !== "refused") throw outcomeUnknown(error.message);
      throw new SkeinError("CONFLICT", error.message, error.details);
    }
  }

  /** Bounds a wait. What was waited for goes on, and its own failure has an owner. */
  #within<T>(work: Promise<T>, timeoutMs: number, late: () => SkeinError): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.arm(timeoutMs, () => reject(late()));
      work.then(
        (value) => {
          this.#deadlines.disarm(deadline);
          resolve(value);
        },
        (reason) => {
          this.#deadlines.disarm(deadline);
          reject(reason);
        },
      );
    });
  }

  /** The host was halted: whoever still waits for something is told that it will not come. */
  close(): void {
    this.#deadlines.expireAll();
  }
}

const READ_RETRY_MS = 50;

type Operation = ConfigurationChange["operations"][number];
const OPERATION_KINDS: readonly string[] = ["addLearner", "promote", "demote", "remove"];

function operationsOf(value: unknown): Operation[] {
  if (!Array.isArray(value)) throw malformed();
  return value.map((pair: unknown): Operation => {
    if (!Array.isArray(pair)) throw malformed();
    const [kind, peer] = pair;
    if (!OPERATION_KINDS.includes(kind) || typeof peer !== "string") throw malformed();
    return { kind, peer } as Operation;
  });
}

function outcomeOf(result: ProposalResult): Answer | SkeinError {
  switch (result.kind) {
    case "applied":
      return result.answer;
    case "unknown":
      return outcomeUnknown("the leader changed, or the time is over");
    case "refused":
      return refusedError(result.refusal);
  }
}

function noLeader(group: number): SkeinError {
  return new SkeinError("NO_LEADER", `group ${group} has no leader that can be reached`);
}

function malformed(): SkeinError {
  return new SkeinError("BAD_REQUEST", "the request of another peer does not have its form");
}

function refusedError(refusal: Refusal): SkeinError {
  switch (refusal.reason) {
    case "notLeader":
      return new SkeinError("NOT_LEADER", "this peer does not lead the group", {
        leader: refusal.leader,
      });
    case "busy":
      return busy();
    case "transferring":
      return new SkeinError("UNAVAILABLE", "leadership is being handed over");
    case "conflict":
      return new SkeinError("CONFLICT", "another configuration change came first", {
        configuration_index: refusal.configurationIndex,
      });
    case "invalid":
      return new SkeinError("BAD_REQUEST", refusal.message);
  }
}
