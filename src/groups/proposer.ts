/**
 * Carries a command to its group's leader, here or at another peer, and brings the answer back. It goes
 * on until the caller's deadline: a leader that changed, a lost connection or a full log are retried with
 * the same request id, so that whatever happened to the earlier attempt the command executes once.
 */
import { type ErrorCode, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Refusal } from "../raft/ready.ts";
import type { GroupId } from "../storage/storage.ts";
import { Attempts, type AttemptsEdges } from "./attempts.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import { encodeEnvelope } from "./envelope.ts";
import { Forwarder } from "./forwarder.ts";
import type { Group } from "./group.ts";
import {
  errorOfPeer,
  noLeader,
  NOTHING_CAME_OF_IT,
  outcomeUnknown,
  refusedError,
} from "./group_errors.ts";
import type { ProposeOptions } from "./groups.ts";
import type { LeaderDirectory } from "./leader_directory.ts";
import type { Answer } from "./machine.ts";
import type { ProposalResult } from "./open_proposals.ts";
import { errorOf } from "./refusal.ts";
import { Sessions } from "./session.ts";

export interface ProposerEdges extends AttemptsEdges {
  readonly self: PeerId;
  readonly bootId: string;
  readonly transport: Pick<Transport, "request">;
  readonly deadlines: Deadlines;
  readonly directory: LeaderDirectory;
  group(id: GroupId): Group | undefined;
  /** Why nothing can be done any more, e.g. because the storage failed; null while all is well. */
  ended(): SkeinError | null;
}

/**
 * What one attempt came to. `unsure`: the command may be in some log. `followed`: the next attempt is due at
 * once, since a later leader is known.
 */
type Attempt =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "error"; readonly error: SkeinError }
  | {
    readonly kind: "retry";
    readonly unsure: boolean;
    readonly noLeader: boolean;
    readonly followed?: boolean;
  };

const NOBODY_LEADS: Attempt = { kind: "retry", unsure: false, noLeader: true };

/** Commands that are carried now, in number and in bytes. */
class Load {
  count = 0;
  bytes = 0;

  get isFull(): boolean {
    return this.count >= LIMITS.pendingProposalsMax ||
      this.bytes >= LIMITS.pendingProposalBytesMax;
  }
}

export class Proposer {
  readonly #edges: ProposerEdges;
  readonly #sessions: Sessions;
  readonly #forwarder: Forwarder;
  readonly #load = new Load();

  constructor(edges: ProposerEdges) {
    this.#edges = edges;
    this.#sessions = new Sessions(edges.self.slice(0, 16), edges.bootId);
    this.#forwarder = new Forwarder(edges.transport, edges.deadlines);
  }

  /** See `Groups.propose`. */
  async propose(
    group: GroupId,
    machine: string,
    command: unknown,
    options: ProposeOptions,
  ): Promise<Answer> {
    if (this.#load.isFull) {
      throw new SkeinError("TOO_MANY_REQUESTS", "too many writes wait at this peer");
    }
    const minted = options.request === null ? this.#sessions.mint() : null;
    if (options.request === null && minted === null) {
      throw new SkeinError("TOO_MANY_REQUESTS", "too many writes of this peer are unanswered");
    }
    try {
      const payload = encodeEnvelope(machine, options.request ?? minted, command);
      return await this.#loaded(group, payload, options.timeoutMs);
    } finally {
      if (minted !== null) this.#sessions.answered(minted);
    }
  }

  async #loaded(group: GroupId, payload: Uint8Array, timeoutMs: number): Promise<Answer> {
    const { length } = payload;
    if (length > LIMITS.commandBytesMax) {
      throw new SkeinError("PAYLOAD_TOO_LARGE", `a command of ${length} bytes`);
    }
    this.#load.count++;
    this.#load.bytes += length;
    try {
      return await this.#carry(group, payload, timeoutMs);
    } finally {
      this.#load.count--;
      this.#load.bytes -= length;
    }
  }

  /** Another peer is known to lead: what is on its way to the former leader is tried again there. */
  leaderChanged(group: GroupId, leader: PeerId | null): void {
    if (leader !== null) this.#forwarder.leaderChanged(group, leader);
  }

  async #carry(group: GroupId, payload: Uint8Array, timeoutMs: number): Promise<Answer> {
    const attempts = new Attempts(this.#edges, group, timeoutMs);
    let unsure = false;
    for (;;) {
      const ended = this.#edges.ended();
      if (ended !== null) throw unsure ? outcomeUnknown(ended.message) : ended;
      const attempt = await this.#attempt(group, payload, attempts);
      if (attempt.kind === "answer") return answered(attempt.answer);
      if (attempt.kind === "error") {
        throw unsure ? outcomeUnknown(attempt.error.message) : attempt.error;
      }
      unsure ||= attempt.unsure;
      if (attempt.followed === true || await attempts.again(attempt.noLeader)) continue;
      if (unsure) throw outcomeUnknown("no answer in time");
      throw noLeader(group);
    }
  }

  async #attempt(id: GroupId, payload: Uint8Array, attempts: Attempts): Promise<Attempt> {
    const { self, directory } = this.#edges;
    const leader = directory.leaderOf(id) ?? await directory.find(id, attempts.leftMs);
    if (leader === null) return NOBODY_LEADS;
    if (leader !== self) return await this.#there(leader, id, payload, attempts.leftMs);
    const group = this.#edges.group(id);
    return group === undefined ? NOBODY_LEADS : await this.#here(group, payload, attempts.leftMs);
  }

  async #here(group: Group, payload: Uint8Array, timeoutMs: number): Promise<Attempt> {
    const result = await this.local(group, payload, timeoutMs);
    switch (result.kind) {
      case "applied":
        return { kind: "answer", answer: result.answer };
      case "unknown":
        return { kind: "retry", unsure: true, noLeader: true };
      case "refused":
        return refusedHere(result.refusal);
    }
  }

  /**
   * Proposes to the core here, for own callers and those of other peers.
   * @returns `unknown` also when the time is over
   */
  local(group: Group, payload: Uint8Array, timeoutMs: number): Promise<ProposalResult> {
    return new Promise((resolve) => {
      let deadline: Deadline | null = null;
      group.propose(payload, (result) => {
        if (deadline !== null) this.#edges.deadlines.disarm(deadline);
        resolve(result);
      });
      deadline = this.#edges.deadlines.arm(timeoutMs, () => resolve({ kind: "unknown" }));
    });
  }

  async #there(
    leader: PeerId,
    group: GroupId,
    payload: Uint8Array,
    timeoutMs: number,
  ): Promise<Attempt> {
    const { directory, leaderWaitMs } = this.#edges;
    const answered = directory.awaiting(group);
    try {
      // One that is lost must not hold up the others for as long as it may take itself: it is sent again.
      const attemptMs = Math.min(timeoutMs, leaderWaitMs);
      const answer = await this.#forwarder.forward(leader, group, payload, attemptMs);
      return { kind: "answer", answer };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.reason === "refused") return this.#refusedThere(leader, group, error);
      directory.forget(group, leader);
      return { kind: "retry", unsure: error.reason !== "unreachable", noLeader: true };
    } finally {
      answered();
    }
  }

  /** The other peer refused; where it was not the leader, or is stopping, another one may be. */
  #refusedThere(leader: PeerId, group: GroupId, error: RequestError): Attempt {
    const followed = this.#edges.directory.refused(group, leader, error);
    if (NOTHING_CAME_OF_IT.has(error.code as ErrorCode)) {
      return { kind: "retry", unsure: false, noLeader: true, followed };
    }
    if (error.code === "OUTCOME_UNKNOWN") return { kind: "retry", unsure: true, noLeader: true };
    return { kind: "error", error: errorOfPeer(error) };
  }
}

/** @throws {SkeinError} where the state machine refused */
function answered(answer: Answer): Answer {
  const error = errorOf(answer);
  if (error !== null) throw error;
  return answer;
}

function refusedHere(refusal: Refusal): Attempt {
  switch (refusal.reason) {
    case "notLeader":
      return NOBODY_LEADS;
    case "transferring":
      return { kind: "retry", unsure: false, noLeader: false };
    case "busy":
    case "conflict":
    case "invalid":
      return { kind: "error", error: refusedError(refusal) };
  }
}
