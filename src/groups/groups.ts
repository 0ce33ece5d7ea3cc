/**
 * What services and the composition root may ask of the host of Raft groups. The host drives every
 * group's core against one storage and one transport; see `host.ts`.
 */
import type { ConfigurationChange, FollowerStatus, Role } from "../raft/ready.ts";
import type { Configuration, PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { Answer, ApplyContext, Effect } from "./machine.ts";
import type { QuorumHeard } from "./quorum_contact.ts";

/** Who asked, for the table of request ids: `principal` keeps different callers' ids apart. */
export type RequestKey =
  /** An id that a caller chose (`X-Request-Id`). */
  | { readonly kind: "caller"; readonly principal: string; readonly id: string }
  /** An id that our client or a peer minted: dropped once `lowestOpen` has passed it. */
  | {
    readonly kind: "session";
    readonly session: string;
    readonly bootId: string;
    readonly sequence: number;
    readonly lowestOpen: number;
  };

export interface ProposeOptions {
  /** When to give up, as a span from now. */
  readonly timeoutMs: number;
  /** Null: the host mints one of its own session, so that its retries are safe. */
  readonly request: RequestKey | null;
}

export interface GroupStatus {
  readonly group: number;
  readonly replica: number;
  readonly role: Role;
  readonly term: number;
  readonly leader: PeerId | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly timeMs: number;
  readonly asleep: boolean;
  readonly configuration: Configuration;
  readonly snapshot: SnapshotMeta | null;
  readonly followers: readonly FollowerStatus[];
}

export type { QuorumHeard };

export interface GroupListener {
  /**
   * Effects of an entry that was just applied here, in order.
   * @param replayed whether the entry was in this peer's log before it started: it was told of them then
   */
  effects(effects: readonly Effect[], context: ApplyContext, replayed: boolean): void;
  /** The machine was replaced by a snapshot: what was waited for may have happened unseen. */
  restored?(): void;
  /** Role, term, leader or configuration changed. */
  status?(status: GroupStatus): void;
}

/**
 * Answers a question at the leader of a group. A rejection reaches who asked, with its code, message and
 * details; where the code is one of NOT_LEADER, NO_LEADER, UNAVAILABLE, SHUTTING_DOWN and STORAGE_FAILED it
 * says that nothing came of the question here, and another peer may be asked the same; unless the handler says so
 * `forGood` (`group_errors.ts`).
 * @param timeoutMs when nobody waits for the answer any more, as a span from now
 */
export type QuestionHandler = (
  group: number,
  body: unknown,
  timeoutMs: number,
) => Promise<unknown>;

/** Groups need no replica at this peer, where nothing else is said. */
export interface Groups {
  /**
   * Proposes a command to the group, wherever its leader is, and gives its answer once applied there.
   * Retries with the same request id while the leader is unknown or changes.
   * @throws {SkeinError} by rejection: NO_LEADER (never proposed), OUTCOME_UNKNOWN (may yet happen),
   * TOO_MANY_REQUESTS, REQUEST_ID_REUSED, STORAGE_FAILED, SHUTTING_DOWN
   */
  propose(
    group: number,
    machine: string,
    command: unknown,
    options: ProposeOptions,
  ): Promise<Answer>;
  /**
   * Asks the service at the group's leader, here or at another peer (one hop), and looks for the leader while
   * nobody has heard the question.
   * @param method whose handler is asked: see `answer`
   * @param body a msgpack-able value
   * @throws {SkeinError} by rejection: NO_LEADER (never heard), OUTCOME_UNKNOWN (may have been heard),
   * SHUTTING_DOWN, STORAGE_FAILED, or what the handler rejected with (UNAVAILABLE only where it stays so)
   */
  ask(group: number, method: string, body: unknown, timeoutMs: number): Promise<unknown>;
  /**
   * What `ask` with this method comes to while this peer leads the group.
   * @param handler the only one of this method
   */
  answer(method: string, handler: QuestionHandler): void;
  /** Who leads the group, as far as this peer knows. */
  leaderOf(group: number): PeerId | null;
  /**
   * Resolves once this peer's state machine may answer a linearizable read (ReadIndex; many callers
   * share one round): needs a replica here. @throws {SkeinError} by rejection: NO_LEADER, STORAGE_FAILED, SHUTTING_DOWN
   */
  readBarrier(group: number, timeoutMs: number): Promise<void>;
  /**
   * @param driverTerm of group 0, in which the placement driver decided it; null: others did
   * @throws {SkeinError} by rejection: CONFLICT where it was decided on another configuration, or by a driver that a
   *   later one has replaced; BAD_REQUEST, NO_LEADER, OUTCOME_UNKNOWN
   */
  changeConfiguration(
    group: number,
    change: ConfigurationChange,
    timeoutMs: number,
    driverTerm?: number | null,
  ): Promise<void>;
  /** A driver of this term looks at the partitions: what earlier ones decided is refused here from now on. */
  heedDriver(driverTerm: number): void;
  transferLeadership(group: number, to: PeerId, timeoutMs: number): Promise<void>;
  takeSnapshot(group: number): Promise<SnapshotMeta>;
  status(group: number): GroupStatus | null;
  groups(): readonly number[];
  /**
   * When this peer last knew that it leads the group: at the beginning of the last round of heartbeats that a quorum
   * answered in its term. Leases rest on it. Also told after it led; null where it never did, or has no replica.
   */
  quorumHeard(group: number): QuorumHeard | null;
  /** Group time now, as this peer estimates it; for `expires_at` and the like. */
  timeMs(group: number): number;
  listen(group: number, listener: GroupListener): void;
}
