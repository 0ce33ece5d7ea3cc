/**
 * What other peers ask of this one as the leader of a group. Their requests are checked whole before any
 * part is carried out: what does not have its form costs its sender an error and changes nothing.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import type { ConfigurationChange } from "../raft/ready.ts";
import type { GroupId } from "../storage/storage.ts";
import { listOf } from "./answering.ts";
import { encodeOutcome, PROPOSE_METHOD } from "./forwarder.ts";
import type { Group } from "./group.ts";
import type { GroupChanges } from "./group_changes.ts";
import { busy, malformed, outcomeUnknown, refusedError, unknownGroup } from "./group_errors.ts";
import { forgottenGroups, parseForgotten } from "./forgotten_replicas.ts";
import {
  ASK_METHOD,
  CONFIGURE_METHOD,
  FORGOTTEN_METHOD,
  LOCATE_METHOD,
  READ_METHOD,
  TRANSFER_METHOD,
} from "./leader_requests.ts";
import { localReadIndex } from "./linearizable_reads.ts";
import type { Answer } from "./machine.ts";
import type { ProposalResult } from "./open_proposals.ts";
import type { Proposer } from "./proposer.ts";
import type { Questions } from "./questions.ts";

export interface PeerRequestsEdges {
  readonly proposer: Pick<Proposer, "local">;
  readonly changes: GroupChanges;
  readonly questions: Pick<Questions, "handle">;
  group(id: GroupId): Group | undefined;
}

/** Nobody waits longer for anything that is asked of a leader. */
const TIMEOUT_MAX_MS = 3_600_000;

export class PeerRequests {
  readonly #edges: PeerRequestsEdges;

  constructor(edges: PeerRequestsEdges) {
    this.#edges = edges;
  }

  /**
   * @returns null where the method is not one of the groups'
   * @throws {SkeinError} by rejection: BAD_REQUEST, NOT_LEADER, TOO_MANY_REQUESTS, OUTCOME_UNKNOWN, …
   */
  handle(method: string, body: unknown): Promise<unknown> | null {
    switch (method) {
      case PROPOSE_METHOD:
        return this.#propose(listOf(body));
      case READ_METHOD:
        return this.#read(listOf(body));
      case LOCATE_METHOD:
        return this.#locate(listOf(body));
      case ASK_METHOD:
        return this.#ask(listOf(body));
      case CONFIGURE_METHOD:
        return this.#configure(listOf(body));
      case TRANSFER_METHOD:
        return this.#transfer(listOf(body));
      case FORGOTTEN_METHOD:
        return this.#forgotten(listOf(body));
      default:
        return null;
    }
  }

  async #propose([id, span, list]: readonly unknown[]): Promise<unknown> {
    const timeoutMs = spanOf(span);
    const payloads = payloadsOf(list);
    const group = this.#ledHere(id);
    if (group.openProposals + payloads.length > LIMITS.pendingProposalsMax) throw busy();
    const results = payloads.map((bytes) => this.#edges.proposer.local(group, bytes, timeoutMs));
    return (await Promise.all(results)).map((result) => encodeOutcome(outcomeOf(result)));
  }

  async #read([id]: readonly unknown[]): Promise<number> {
    const result = await localReadIndex(this.#ledHere(id));
    if (result.kind === "index") return result.index;
    throw refusedError(result.refusal);
  }

  // deno-lint-ignore require-await -- what is thrown is the answer
  async #locate([id]: readonly unknown[]): Promise<[PeerId | null, number]> {
    if (typeof id !== "number") throw malformed();
    const group = this.#edges.group(id);
    if (group === undefined) throw unknownGroup(id);
    return [group.raft.leader, group.raft.term];
  }

  async #ask([id, method, body, span]: readonly unknown[]): Promise<unknown> {
    if (typeof method !== "string") throw malformed();
    const timeoutMs = spanOf(span);
    return await this.#edges.questions.handle(this.#ledHere(id), method, body, timeoutMs);
  }

  /** Peers of earlier versions do not say which driver decided it. */
  async #configure(
    [id, expectedIndex, pairs, span, driverTerm = null]: readonly unknown[],
  ): Promise<null> {
    if (typeof expectedIndex !== "number") throw malformed();
    if (driverTerm !== null && typeof driverTerm !== "number") throw malformed();
    const timeoutMs = spanOf(span);
    const operations = operationsOf(pairs);
    const group = this.#ledHere(id);
    const change = { expectedIndex, operations };
    await this.#edges.changes.configure(group.id, change, timeoutMs, driverTerm);
    return null;
  }

  async #transfer([id, to, span]: readonly unknown[]): Promise<null> {
    if (typeof to !== "string") throw malformed();
    const timeoutMs = spanOf(span);
    await this.#edges.changes.transfer(this.#ledHere(id).id, to, timeoutMs);
    return null;
  }

  // deno-lint-ignore require-await -- what is thrown is the answer
  async #forgotten(body: readonly unknown[]): Promise<readonly GroupId[]> {
    const question = parseForgotten(body);
    if (question === null) throw malformed();
    return forgottenGroups(question.peer, question.replicas, (id) => this.#edges.group(id));
  }

  #ledHere(id: unknown): Group {
    if (typeof id !== "number") throw malformed();
    const group = this.#edges.group(id);
    if (group !== undefined && group.leads) return group;
    throw new SkeinError("NOT_LEADER", `this peer does not lead group ${id}`, {
      leader: group?.raft.leader ?? null,
      term: group?.raft.term ?? 0,
    });
  }
}

function spanOf(value: unknown): number {
  if (typeof value !== "number" || !(value >= 0 && value <= TIMEOUT_MAX_MS)) throw malformed();
  return value;
}

function payloadsOf(value: unknown): readonly Uint8Array[] {
  if (!Array.isArray(value)) throw malformed();
  for (const payload of value) {
    if (!(payload instanceof Uint8Array)) throw malformed();
    if (payload.length > LIMITS.commandBytesMax) throw malformed();
  }
  return value;
}

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
