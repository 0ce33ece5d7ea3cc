/**
 * What an operator asks for, and waits for: that a member is removed for good, that replicas leave it, that a
 * peer which no list names is met.
 */
import { parseAddress } from "../codec/address.ts";
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Groups } from "../groups/groups.ts";
import type { ConnectedPeer, Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { ConfigurationChange } from "../raft/ready.ts";
import type { MembersCommand } from "./commands.ts";
import { hasReplica } from "./configuration.ts";
import type { MembersMachine } from "./machine.ts";
import type { AddedMember } from "./members.ts";
import type { Member } from "./state.ts";

export interface OperationsEdges {
  readonly self: PeerId;
  readonly groups: Pick<Groups, "changeConfiguration" | "status">;
  readonly machine: MembersMachine;
  readonly transport: Pick<Transport, "peers" | "peerAt">;
  readonly clock: Clock;
  /** Dials an address, again and again, until the returned function is called. */
  dial(address: string): () => void;
  /**
   * Whether the cluster can be without this member.
   * @throws {SkeinError} by rejection: CONFLICT where something would be lost, NO_LEADER, UNAVAILABLE
   */
  checkRemoval(peer: PeerId, timeoutMs: number): Promise<void>;
  /** @throws {SkeinError} by rejection, what it was refused with as well */
  propose(command: MembersCommand, timeoutMs: number): Promise<void>;
}

/** The configuration of group 0 may change under a removal this often before it gives up. */
const REMOVE_ATTEMPTS_MAX = 8;
const CHECK_TIMEOUT_MS = 10_000;
/** A peer that is being added is looked for so often. */
const ADD_LOOK_MS = 50;

export class Operations {
  readonly #edges: OperationsEdges;

  constructor(edges: OperationsEdges) {
    this.#edges = edges;
  }

  /**
   * Takes the member off the list first and out of the configuration then: the other way round the
   * steward would see a member without a replica, and add it again. If this peer stops between the two,
   * the steward takes out the replica that belongs to no member.
   * @throws {SkeinError} by rejection: NOT_FOUND, CONFLICT, NO_LEADER, OUTCOME_UNKNOWN
   */
  async remove(idOrName: string, force: boolean, timeoutMs: number): Promise<void> {
    const { clock } = this.#edges;
    const endMs = clock.monotonicMs() + timeoutMs;
    const member = this.#resolve(idOrName);
    if (!force) {
      await this.#edges.checkRemoval(member.id, Math.min(timeoutMs, CHECK_TIMEOUT_MS));
    }
    await this.#edges.propose({ kind: "remove", peer: member.id }, endMs - clock.monotonicMs());
    for (let attempt = 1;; attempt++) {
      const configuration = this.#edges.groups.status(0)?.configuration ?? null;
      if (configuration === null || !hasReplica(configuration, member.id)) return;
      const operations = [{ kind: "remove", peer: member.id }] as const;
      const change = { expectedIndex: configuration.index, operations };
      const leftMs = Math.max(0, endMs - clock.monotonicMs());
      if (await this.#change(change, leftMs, attempt === REMOVE_ATTEMPTS_MAX)) return;
    }
  }

  /** @throws {SkeinError} by rejection: NOT_FOUND, CONFLICT, NO_LEADER, OUTCOME_UNKNOWN */
  async drain(idOrName: string, draining: boolean, timeoutMs: number): Promise<void> {
    const { id } = this.#resolve(idOrName);
    await this.#edges.propose({ kind: "drain", peer: id, draining }, timeoutMs);
  }

  /**
   * Dials a peer until it is a member: one that is empty and has the cluster's key joins when it is met.
   * @throws {SkeinError} by rejection: BAD_REQUEST, CONFLICT where it belongs elsewhere, UNAVAILABLE
   */
  async add(address: string, timeoutMs: number): Promise<AddedMember> {
    if (parseAddress(address) === null) {
      throw new SkeinError("BAD_REQUEST", `cannot dial ${JSON.stringify(address)}: not host:port`);
    }
    const { clock, machine } = this.#edges;
    const before = new Set(machine.members().map(({ id }) => id));
    const endMs = clock.monotonicMs() + timeoutMs;
    const release = this.#edges.dial(address);
    try {
      for (;;) {
        const member = this.#memberAt(address);
        if (member !== null) {
          return { id: member.id, name: member.name, wasMember: before.has(member.id) };
        }
        if (clock.monotonicMs() >= endMs) throw this.#notAdded(address);
        await new Promise<void>((resolve) => clock.timer(ADD_LOOK_MS, resolve));
      }
    } finally {
      release();
    }
  }

  /**
   * @returns the member that answers at this address; null where there is none yet
   * @throws {SkeinError} CONFLICT where the peer there belongs to another cluster
   */
  #memberAt(address: string): Member | null {
    const { machine, self } = this.#edges;
    const own = machine.member(self);
    if (own?.addresses.includes(address)) return own;
    const peer = this.#connectedAt(address);
    if (peer === null) return null;
    const { name, clusterId } = peer.hello;
    if (clusterId !== null && clusterId !== machine.clusterId) {
      throw new SkeinError("CONFLICT", `${name} at ${address} belongs to another cluster`);
    }
    return machine.member(peer.id);
  }

  #connectedAt(address: string): ConnectedPeer | null {
    const { transport } = this.#edges;
    const id = transport.peerAt(address);
    return transport.peers().find((peer) => peer.id === id) ?? null;
  }

  #notAdded(address: string): SkeinError {
    const peer = this.#connectedAt(address);
    if (peer !== null) {
      return new SkeinError("UNAVAILABLE", `${peer.hello.name} is connected, but has not joined`);
    }
    const message = this.#edges.transport.peerAt(address) === null
      ? `no peer answers at ${address}`
      : `a peer answers at ${address} and is not let in: is its cluster key this cluster's?`;
    return new SkeinError("UNAVAILABLE", message);
  }

  /** @returns false where another change came first, and this is not the last attempt */
  async #change(change: ConfigurationChange, timeoutMs: number, last: boolean): Promise<boolean> {
    const { groups, clock } = this.#edges;
    try {
      await groups.changeConfiguration(0, change, timeoutMs);
      return true;
    } catch (error) {
      const conflict = error instanceof SkeinError && error.code === "CONFLICT";
      if (!conflict || last || timeoutMs === 0) throw error;
      await new Promise<void>((resolve) => clock.timer(Math.min(100, timeoutMs), resolve));
      return false;
    }
  }

  #resolve(idOrName: string): Member {
    const { machine } = this.#edges;
    const member = machine.member(idOrName) ??
      machine.members().find(({ name }) => name === idOrName);
    if (member === undefined) {
      throw new SkeinError("NOT_FOUND", `no member has the id or name ${idOrName}`);
    }
    return member;
  }
}
