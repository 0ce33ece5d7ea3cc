/**
 * What services at different peers ask of each other: a question goes to the leader of a group, here or at
 * another peer, one hop, and is asked again elsewhere for as long as nothing came of it. One that may have been
 * heard is never asked twice: whoever asked knows whether that would do harm.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { GroupId } from "../storage/storage.ts";
import { Attempts, type AttemptsEdges } from "./attempts.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import {
  errorOfPeer,
  noLeader,
  NOTHING_CAME_OF_IT,
  outcomeUnknown,
  saidForGood,
} from "./group_errors.ts";
import type { QuestionHandler } from "./groups.ts";
import type { LeaderDirectory } from "./leader_directory.ts";
import { ASK_METHOD } from "./leader_requests.ts";

/** A leader that has handed over tells those who wait for its answer. So long they wait for that. */
const FORMER_LEADER_MS = 500;

export interface QuestionsEdges extends AttemptsEdges {
  readonly self: PeerId;
  readonly transport: Pick<Transport, "request">;
  readonly deadlines: Deadlines;
  readonly directory: LeaderDirectory;
  group(id: GroupId): Group | undefined;
  /** Why nothing can be done any more; null while all is well. */
  ended(): SkeinError | null;
}

/**
 * What one attempt came to. `followed`: the next one is due at once, since a later leader is known. `why`: what a leader
 * said that can do nothing at present, in case that it stays so.
 */
type Attempt =
  | { readonly kind: "answer"; readonly answer: unknown }
  | { readonly kind: "retry"; readonly followed: boolean; readonly why: SkeinError | null };

const RETRY: Attempt = { kind: "retry", followed: false, why: null };

export class Questions {
  readonly #edges: QuestionsEdges;
  readonly #handlers = new Map<string, QuestionHandler>();

  constructor(edges: QuestionsEdges) {
    this.#edges = edges;
  }

  /** See `Groups.answer`. */
  answer(method: string, handler: QuestionHandler): void {
    assert(!this.#handlers.has(method), `${method} has one handler`);
    this.#handlers.set(method, handler);
  }

  /** See `Groups.ask`. */
  async ask(id: GroupId, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const attempts = new Attempts(this.#edges, id, timeoutMs);
    for (;;) {
      const ended = this.#edges.ended();
      if (ended !== null) throw ended;
      const leader = await this.#edges.directory.find(id, attempts.leftMs);
      const attempt = leader === null
        ? RETRY
        : await this.#attempt(leader, id, method, body, attempts.leftMs);
      if (attempt.kind === "answer") return attempt.answer;
      if (!attempt.followed && !await attempts.again(true)) throw attempt.why ?? noLeader(id);
    }
  }

  #attempt(
    leader: PeerId,
    id: GroupId,
    method: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<Attempt> {
    if (leader !== this.#edges.self) return this.#there(leader, id, method, body, timeoutMs);
    const group = this.#edges.group(id);
    return group?.leads === true
      ? this.#here(group, method, body, timeoutMs)
      : Promise.resolve(RETRY);
  }

  async #here(group: Group, method: string, body: unknown, timeoutMs: number): Promise<Attempt> {
    try {
      const work = this.handle(group, method, body, timeoutMs);
      const late = () => outcomeUnknown("no answer in time");
      return { kind: "answer", answer: await this.#edges.deadlines.within(work, timeoutMs, late) };
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      throwIfSettled(error);
      return { kind: "retry", followed: false, why: reasonOf(error) };
    }
  }

  async #there(
    leader: PeerId,
    id: GroupId,
    method: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<Attempt> {
    const { transport, directory } = this.#edges;
    const answered = directory.awaiting(id);
    try {
      const question = [id, method, body, Math.ceil(timeoutMs)];
      const work = transport.request(leader, ASK_METHOD, question, timeoutMs);
      return { kind: "answer", answer: await this.#whileItLeads(leader, id, work) };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.reason === "refused") return this.#refused(leader, id, error);
      directory.forget(id, leader);
      if (error.reason === "unreachable") return RETRY;
      throw outcomeUnknown(error.message);
    } finally {
      answered();
    }
  }

  #refused(leader: PeerId, id: GroupId, error: RequestError): Attempt {
    const refusal = errorOfPeer(error);
    throwIfSettled(refusal);
    const followed = this.#edges.directory.refused(id, leader, error);
    return { kind: "retry", followed, why: reasonOf(refusal) };
  }

  /** A leader may be paused or cut off, and answer nobody for long: it is left once another one leads. */
  #whileItLeads(leader: PeerId, id: GroupId, work: Promise<unknown>): Promise<unknown> {
    const { directory, deadlines, watch } = this.#edges;
    return new Promise((resolve, reject) => {
      const lost = (why: string) => reject(new RequestError("lost", why));
      const unwatch = watch.watch(id, () => {
        const ended = this.#edges.ended();
        if (ended !== null) return lost(ended.message);
        const present = directory.leaderOf(id);
        if (present === null || present === leader) return;
        unwatch();
        const why = "another peer leads the group now";
        const left = deadlines.arm(FORMER_LEADER_MS, () => lost(why));
        work.finally(() => deadlines.disarm(left)).catch(() => {});
      });
      work.finally(unwatch).then(resolve, reject);
    });
  }

  /**
   * Asks the handler at this peer.
   * @param group which this peer leads
   * @throws {SkeinError} by rejection: as the handler, or BAD_REQUEST
   */
  handle(group: Group, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const handler = this.#handlers.get(method);
    if (handler !== undefined) return handler(group.id, body, timeoutMs);
    return Promise.reject(new SkeinError("BAD_REQUEST", `no method ${method}`));
  }
}

/** That somebody leads no more, or stops, is nothing to tell whoever asked the group. */
function reasonOf(error: SkeinError): SkeinError | null {
  return error.code === "UNAVAILABLE" ? error : null;
}

/** @throws {SkeinError} what another attempt would not change */
function throwIfSettled(error: SkeinError): void {
  const settled = saidForGood(error);
  if (settled !== null) throw settled;
  if (!NOTHING_CAME_OF_IT.has(error.code)) throw error;
}
