/**
 * Who belongs to the cluster, as callers see it. The member list is replicated in group 0
 * (`machine.ts`); liveness beside it is this peer's own opinion (the failure detector).
 */
import type { PeerId } from "../raft/entry.ts";
import type { Wanted } from "./wanted.ts";

/** This peer's opinion of another, by its heartbeats. Never used for safety. */
export type Liveness = "alive" | "suspect" | "dead";

export interface MemberView {
  readonly id: PeerId;
  readonly name: string;
  /** host:port of the peer protocol. */
  readonly addresses: readonly string[];
  readonly httpUrl: string;
  readonly zone: string;
  readonly state: Liveness;
  /** Replicas leave it, and none come: by an operator's wish. */
  readonly draining: boolean;
  readonly role: "voter" | "learner" | "none";
  /** Groups that it leads, as far as this peer knows. */
  readonly leads: readonly number[];
}

export interface ClusterView {
  /** Null while the cluster is not formed. */
  readonly clusterId: string | null;
  readonly partitions: number;
  readonly replicas: number;
  readonly members: readonly MemberView[];
  /** E.g. "a cluster of two stops when either peer stops"; as this peer sees it. */
  readonly warnings: readonly string[];
}

export interface Members {
  view(): ClusterView;
  /** The member of this id, if known. */
  find(id: PeerId): MemberView | null;
  /** Where the ring wants the partitions, by this peer's own applied state; null while the cluster is not formed. */
  wanted(): Wanted | null;
  /**
   * Removes a member for good. Refused while a partition would lose its majority, or its only replica.
   * @throws {SkeinError} NOT_FOUND, CONFLICT, NO_LEADER, UNAVAILABLE by rejection
   */
  remove(idOrName: string, options: RemoveOptions, timeoutMs: number): Promise<void>;
  /**
   * Has replicas leave a member, which serves meanwhile; or lets them come again.
   * @throws {SkeinError} NOT_FOUND, CONFLICT where nobody else could take them, NO_LEADER by rejection
   */
  drain(idOrName: string, draining: boolean, timeoutMs: number): Promise<void>;
  /**
   * Meets a peer that no list names, and waits until it is a member.
   * @param address host:port of its peer protocol
   * @throws {SkeinError} BAD_REQUEST, CONFLICT where it belongs elsewhere, UNAVAILABLE by rejection
   */
  add(address: string, timeoutMs: number): Promise<AddedMember>;
}

export interface RemoveOptions {
  /** Even where partitions are lost with it: nothing that only this member has is ever seen again. */
  readonly force: boolean;
}

export interface AddedMember {
  readonly id: PeerId;
  readonly name: string;
  /** Whether it was one already. */
  readonly wasMember: boolean;
}
