/**
 * Changes of a group itself, where callers wait for the outcome: who belongs to it, and who leads it. They
 * are made at the leader; elsewhere they go there, one hop, and are never retried here: whoever asked
 * looks at the configuration again and decides anew.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { ConfigurationChange } from "../raft/ready.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import { errorOfPeer, noLeader, outcomeUnknown, refusedError } from "./group_errors.ts";
import type { LeaderDirectory } from "./leader_directory.ts";
import { CONFIGURE_METHOD, TRANSFER_METHOD } from "./leader_requests.ts";
import type { LeaderWatch } from "./leader_watch.ts";

export interface GroupChangesEdges {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly deadlines: Deadlines;
  readonly watch: LeaderWatch;
  readonly directory: LeaderDirectory;
  group(id: GroupId): Group | undefined;
  /** The core of a group was called. */
  changed(group: Group): void;
}

export class GroupChanges {
  readonly #edges: GroupChangesEdges;
  /** Of group 0: what a driver of an earlier one decided is refused. */
  #driverTerm = 0;

  constructor(edges: GroupChangesEdges) {
    this.#edges = edges;
  }

  /** See `Groups.changeConfiguration`. */
  async configure(
    id: GroupId,
    change: ConfigurationChange,
    timeoutMs: number,
    driverTerm: number | null,
  ): Promise<void> {
    const { leader, group } = await this.#leader(id, timeoutMs);
    if (group !== null) {
      this.#checkDriver(driverTerm);
      return await this.#configureHere(group, change, timeoutMs);
    }
    const pairs = change.operations.map(({ kind, peer }) => [kind, peer]);
    const body = [id, change.expectedIndex, pairs, timeoutMs, driverTerm];
    await this.#ask(leader, id, CONFIGURE_METHOD, body, timeoutMs);
  }

  /** See `Groups.heedDriver`. */
  heedDriver(driverTerm: number): void {
    this.#driverTerm = Math.max(this.#driverTerm, driverTerm);
  }

  /** One that is still on its way must not change what a later driver has looked at, and may rest a removal on. */
  #checkDriver(driverTerm: number | null): void {
    if (driverTerm === null || driverTerm >= this.#driverTerm) return;
    throw new SkeinError("CONFLICT", "a later placement driver has looked at the partitions");
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
    const { leader, group } = await this.#leader(id, timeoutMs);
    // That another peer leads may be an old word: it is asked all the same.
    if (leader === to && group !== null) return;
    if (group !== null) return await this.#transferHere(group, to, timeoutMs);
    await this.#ask(leader, id, TRANSFER_METHOD, [id, to, timeoutMs], timeoutMs);
  }

  /** @returns who leads, and the replica here where that is this peer */
  async #leader(
    id: GroupId,
    timeoutMs: number,
  ): Promise<{ readonly leader: PeerId; readonly group: Group | null }> {
    const { self, directory } = this.#edges;
    const leader = await directory.find(id, timeoutMs);
    if (leader === null) throw noLeader(id);
    const group = leader === self ? this.#edges.group(id) ?? null : null;
    if (leader === self && group === null) throw noLeader(id);
    return { leader, group };
  }

  /**
   * Asks the leader elsewhere.
   * @throws {SkeinError} by rejection: NO_LEADER where it was never asked or does not lead, OUTCOME_UNKNOWN
   * where it may have heard, else what it refused with
   */
  async #ask(
    leader: PeerId,
    id: GroupId,
    method: string,
    body: readonly unknown[],
    timeoutMs: number,
  ): Promise<void> {
    const { transport, directory } = this.#edges;
    try {
      await transport.request(leader, method, body, timeoutMs);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { reason, code, message } = error;
      if (reason === "refused") directory.refused(id, leader, error);
      else directory.forget(id, leader);
      if (reason === "unreachable") throw new SkeinError("NO_LEADER", message);
      if (reason !== "refused") throw outcomeUnknown(message);
      if (code === "NOT_LEADER") throw new SkeinError("NO_LEADER", message);
      throw errorOfPeer(error);
    }
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
