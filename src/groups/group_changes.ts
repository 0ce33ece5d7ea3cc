/**
 * Changes of a group itself, where callers wait for the outcome: who belongs to it, and who leads it. They
 * are made at the leader; elsewhere they go there, one hop, and are never retried here: whoever asked
 * looks at the configuration again and decides anew.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { ConfigurationChange } from "../raft/ready.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import { noLeader, outcomeUnknown, refusedError } from "./group_errors.ts";
import { askLeader, CONFIGURE_METHOD, TRANSFER_METHOD } from "./leader_requests.ts";
import type { LeaderWatch } from "./leader_watch.ts";

export interface GroupChangesEdges {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly deadlines: Deadlines;
  readonly watch: LeaderWatch;
  /** @throws {SkeinError} where this peer has no such group */
  group(id: GroupId): Group;
  /** The core of a group was called. */
  changed(group: Group): void;
}

export class GroupChanges {
  readonly #edges: GroupChangesEdges;

  constructor(edges: GroupChangesEdges) {
    this.#edges = edges;
  }

  /** See `Groups.changeConfiguration`. */
  async configure(id: GroupId, change: ConfigurationChange, timeoutMs: number): Promise<void> {
    const group = this.#edges.group(id);
    const leader = leaderOf(group);
    if (leader === this.#edges.self) return await this.#configureHere(group, change, timeoutMs);
    const pairs = change.operations.map(({ kind, peer }) => [kind, peer]);
    const body = [id, change.expectedIndex, pairs, timeoutMs];
    await askLeader(this.#edges.transport, leader, CONFIGURE_METHOD, body, timeoutMs);
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
    this.#edges.changed(group);
    if (!proposed.ok) throw refusedError(proposed);
    for (let awaited = proposed.index;;) {
      await this.#committed(group, awaited, giveUpMs - clock.monotonicMs());
      const { configuration, term } = group.raft;
      if (term !== proposed.term) throw outcomeUnknown("the leader changed meanwhile");
      const isJoint = configuration.votersOutgoing.length > 0;
      if (!isJoint && configuration.index <= awaited) return;
      awaited = Math.max(awaited + 1, configuration.index);
    }
  }

  async #committed(group: Group, index: number, timeoutMs: number): Promise<void> {
    const applied = new Promise<boolean>((resolve) => group.whenApplied(index, resolve));
    const late = () => outcomeUnknown("the change is not committed yet");
    const reached = await this.#edges.deadlines.within(applied, timeoutMs, late);
    if (!reached) throw outcomeUnknown("the replica here has ended");
  }

  /** See `Groups.transferLeadership`. */
  async transfer(id: GroupId, to: PeerId, timeoutMs: number): Promise<void> {
    const group = this.#edges.group(id);
    const leader = leaderOf(group);
    if (leader === to) return;
    if (leader === this.#edges.self) return await this.#transferHere(group, to, timeoutMs);
    const body = [id, to, timeoutMs];
    await askLeader(this.#edges.transport, leader, TRANSFER_METHOD, body, timeoutMs);
  }

  async #transferHere(group: Group, to: PeerId, timeoutMs: number): Promise<void> {
    const { clock, transport, watch } = this.#edges;
    const giveUpMs = clock.monotonicMs() + timeoutMs;
    const result = group.raft.transferLeadership(to);
    this.#edges.changed(group);
    if (!result.ok) throw refusedError(result);
    while (group.raft.leader !== to) {
      const leftMs = giveUpMs - clock.monotonicMs();
      if (leftMs <= 0 || group.ended) {
        throw new SkeinError("UNAVAILABLE", `leadership did not pass to ${to} in time`);
      }
      if (!transport.peers().some(({ id }) => id === to)) {
        throw new SkeinError(
          "UNAVAILABLE",
          `leadership can not pass to ${to}: it is not connected`,
        );
      }
      await watch.wait(group.id, leftMs);
    }
  }
}

function leaderOf(group: Group): PeerId {
  const { leader } = group.raft;
  if (leader === null) throw noLeader(group.id);
  return leader;
}
