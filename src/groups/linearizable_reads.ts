/**
 * Linearizable reads at any peer (ReadIndex, Raft dissertation, section 6.4): the leader, here or elsewhere,
 * says at which index a read is safe, and the read waits until this peer has applied that. All readers of a
 * group share one question at a time (`read_batcher.ts`).
 */
import type { Clock } from "../clock.ts";
import type { SkeinError } from "../errors.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import { noLeader } from "./group_errors.ts";
import { READ_METHOD } from "./leader_requests.ts";
import type { LeaderWatch } from "./leader_watch.ts";
import type { ReadResult } from "./open_reads.ts";
import { ReadBatcher } from "./read_batcher.ts";

export interface LinearizableReadsEdges {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly transport: Pick<Transport, "request">;
  readonly deadlines: Deadlines;
  readonly watch: LeaderWatch;
  /** Longest search for a leader before readers are told that there is none. */
  readonly leaderWaitMs: number;
  group(id: GroupId): Group | undefined;
  /** Why nothing can be done any more; null while all is well. */
  ended(): SkeinError | null;
}

const RETRY_MS = 50;

export class LinearizableReads {
  readonly #edges: LinearizableReadsEdges;
  readonly #batchers = new Map<GroupId, ReadBatcher>();

  constructor(edges: LinearizableReadsEdges) {
    this.#edges = edges;
  }

  /** See `Groups.readBarrier`. */
  barrier(group: GroupId, timeoutMs: number): Promise<void> {
    let batcher = this.#batchers.get(group);
    if (batcher === undefined) {
      batcher = new ReadBatcher(() => this.#round(group));
      this.#batchers.set(group, batcher);
    }
    return this.#edges.deadlines.within(batcher.join(), timeoutMs, () => this.#unread(group));
  }

  /** One linearizable read for all who share it, tried until some leader answers. */
  async #round(id: GroupId): Promise<void> {
    const { clock, leaderWaitMs, watch } = this.#edges;
    const giveUpMs = clock.monotonicMs() + leaderWaitMs;
    for (;;) {
      const ended = this.#edges.ended();
      if (ended !== null) throw ended;
      const index = await this.#readIndex(id);
      const group = this.#edges.group(id);
      if (index !== null && group !== undefined) return await this.#applied(group, index);
      const leftMs = giveUpMs - clock.monotonicMs();
      if (leftMs <= 0) throw noLeader(id);
      await watch.wait(id, Math.min(RETRY_MS, leftMs));
    }
  }

  async #applied(group: Group, index: number): Promise<void> {
    const { deadlines, leaderWaitMs } = this.#edges;
    const applied = new Promise<boolean>((resolve) => group.whenApplied(index, resolve));
    const unread = () => this.#unread(group.id);
    if (!await deadlines.within(applied, leaderWaitMs, unread)) throw unread();
  }

  #unread(group: GroupId): SkeinError {
    return this.#edges.ended() ?? noLeader(group);
  }

  /** @returns the leader's read index, or null when no leader answered */
  async #readIndex(id: GroupId): Promise<number | null> {
    const group = this.#edges.group(id);
    const leader = group?.raft.leader ?? null;
    if (group === undefined || leader === null) return null;
    if (leader !== this.#edges.self) return await this.#readIndexOf(leader, group);
    const result = await localReadIndex(group);
    return result.kind === "index" ? result.index : null;
  }

  /** Asks a leader elsewhere, until another one is known: a paused machine keeps nobody waiting. */
  #readIndexOf(leader: PeerId, group: Group): Promise<number | null> {
    const { transport, watch, leaderWaitMs } = this.#edges;
    return new Promise((resolve, reject) => {
      const unwatch = watch.watch(group.id, () => {
        if (group.raft.leader !== leader || group.ended) finish(null);
      });
      const finish = (index: number | null) => {
        unwatch();
        resolve(index);
      };
      transport.request(leader, READ_METHOD, [group.id], leaderWaitMs).then(
        (answer) => finish(typeof answer === "number" ? answer : null),
        (error) => {
          if (error instanceof RequestError) return finish(null);
          unwatch();
          reject(error);
        },
      );
    });
  }
}

/** Asks the core here, which answers when a quorum has confirmed that it still leads, or has not. */
export function localReadIndex(group: Group): Promise<ReadResult> {
  return new Promise((resolve) => group.readIndex(resolve));
}
