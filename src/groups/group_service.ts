/**
 * The face of the host towards services: proposals (`proposer.ts`), reads (`linearizable_reads.ts`) and
 * changes (`group_changes.ts`) that find their leader wherever it is, and status. What other peers ask of
 * this one comes in by `handle` (`peer_requests.ts`).
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Transport } from "../net/transport.ts";
import type { PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { ConfigurationChange } from "../raft/ready.ts";
import type { Random } from "../random.ts";
import { StorageFailedError } from "../storage/storage.ts";
import { Deadlines } from "./deadlines.ts";
import { ForgottenReplicas } from "./forgotten_replicas.ts";
import type { Group } from "./group.ts";
import { GroupChanges } from "./group_changes.ts";
import { unknownGroup } from "./group_errors.ts";
import type {
  GroupListener,
  Groups,
  GroupStatus,
  ProposeOptions,
  QuestionHandler,
} from "./groups.ts";
import type { Host } from "./host.ts";
import { LeaderDirectory } from "./leader_directory.ts";
import { LeaderWatch } from "./leader_watch.ts";
import { LinearizableReads } from "./linearizable_reads.ts";
import type { Answer } from "./machine.ts";
import { PeerRequests } from "./peer_requests.ts";
import { Proposer } from "./proposer.ts";
import type { QuorumHeard } from "./quorum_contact.ts";
import { Questions } from "./questions.ts";

export interface GroupServiceEdges {
  readonly self: PeerId;
  readonly bootId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly host: Host;
  /** 2 × the maximum election timeout. */
  readonly leaderWaitMs: number;
  /** Who should hold replicas of the group, as far as this peer knows. */
  candidates(group: number): readonly PeerId[];
  /** Why nothing can be done any more; null while all is well. */
  ended(): SkeinError | null;
}

export class GroupService implements Groups {
  readonly #edges: GroupServiceEdges;
  readonly #deadlines: Deadlines;
  readonly #watch: LeaderWatch;
  readonly #directory: LeaderDirectory;
  readonly #proposer: Proposer;
  readonly #reads: LinearizableReads;
  readonly #changes: GroupChanges;
  readonly #questions: Questions;
  readonly #requests: PeerRequests;
  readonly #forgotten: ForgottenReplicas;

  constructor(edges: GroupServiceEdges) {
    const { clock, host } = edges;
    this.#edges = edges;
    this.#deadlines = new Deadlines(clock);
    this.#watch = new LeaderWatch(clock);
    const waiting = { ...edges, deadlines: this.#deadlines, watch: this.#watch };
    const group = (id: number) => host.group(id);
    this.#directory = new LeaderDirectory({
      ...waiting,
      group,
      found: (id, leader) => this.#leaderChanged(id, leader),
    });
    const finding = { ...waiting, directory: this.#directory, group };
    this.#proposer = new Proposer(finding);
    this.#reads = new LinearizableReads(finding);
    this.#changes = new GroupChanges({ ...finding, changed: (changed) => host.changed(changed) });
    this.#questions = new Questions(finding);
    this.#requests = new PeerRequests({
      proposer: this.#proposer,
      changes: this.#changes,
      questions: this.#questions,
      group,
    });
    this.#forgotten = new ForgottenReplicas({
      ...waiting,
      patienceMs: edges.leaderWaitMs,
      groups: () => host.groups(),
      group,
      end: (ended) => host.bury(ended),
    });
  }

  /** A group came to be at this peer: callers that wait for its leader are woken by its changes. */
  attach(group: number): void {
    this.listen(group, {
      effects() {},
      status: ({ leader }) => {
        this.#leaderChanged(group, leader);
        this.#forgotten.changed(group);
      },
    });
    this.#watch.changed(group);
    this.#forgotten.changed(group);
  }

  #leaderChanged(group: number, leader: PeerId | null): void {
    this.#directory.changed(group);
    this.#proposer.leaderChanged(group, leader);
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

  ask(group: number, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    return this.#questions.ask(group, method, body, timeoutMs);
  }

  answer(method: string, handler: QuestionHandler): void {
    this.#questions.answer(method, handler);
  }

  leaderOf(group: number): PeerId | null {
    return this.#directory.leaderOf(group);
  }

  readBarrier(group: number, timeoutMs: number): Promise<void> {
    return this.#reads.barrier(group, timeoutMs);
  }

  changeConfiguration(
    group: number,
    change: ConfigurationChange,
    timeoutMs: number,
    driverTerm: number | null = null,
  ): Promise<void> {
    return this.#changes.configure(group, change, timeoutMs, driverTerm);
  }

  heedDriver(driverTerm: number): void {
    this.#changes.heedDriver(driverTerm);
  }

  transferLeadership(group: number, to: PeerId, timeoutMs: number): Promise<void> {
    return this.#changes.transfer(group, to, timeoutMs);
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

  quorumHeard(group: number): QuorumHeard | null {
    return this.#edges.host.group(group)?.quorumHeard() ?? null;
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
    return this.#requests.handle(method, body);
  }

  #groupHere(id: number): Group {
    const group = this.#edges.host.group(id);
    if (group === undefined) throw this.#edges.ended() ?? unknownGroup(id);
    return group;
  }

  /** A peer was lost: who waits for something of it looks again. */
  disconnected(): void {
    this.#watch.allChanged();
  }

  /** The host was halted: whoever still waits for something is told that it will not come. */
  close(): void {
    this.#forgotten.close();
    this.#directory.close();
    this.#deadlines.close();
    this.#watch.close();
  }
}
