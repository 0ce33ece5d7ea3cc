/**
 * What callers ask of one home. A request under a caller's own id that was executed before is answered as then, and
 * executes nothing.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { KeyHolder } from "./cache.ts";
import type { CacheReplica } from "./cache_edges.ts";
import type { CacheCommand } from "./commands.ts";
import type { Holder } from "./directory_entry.ts";
import type { HomeFills } from "./home_fills.ts";
import type { JobAnswer, KeyTask } from "./home_jobs.ts";
import type { HomeProposals } from "./home_proposals.ts";
import type { HomeRoom } from "./home_room.ts";
import {
  encodeFillAnswer,
  encodeHomeView,
  encodeWriteAnswer,
  type HomeQuestion,
  type HomeView,
  type HomeWriteAnswer,
  type WriteQuestion,
} from "./home_question_codec.ts";
import type { CacheAnswer } from "./machine.ts";

export interface HomeDeskEdges {
  readonly term: number;
  readonly replica: CacheReplica;
  readonly proposals: HomeProposals;
  readonly fills: HomeFills;
  readonly room: HomeRoom;
  /** Group time. */
  timeMs(): number;
  holders(key: string): readonly Holder[];
  /** The key's entry is to do this, in its turn. */
  open(asked: Pick<KeyTask, "key" | "kind" | "write" | "request">): Promise<JobAnswer>;
  /** Why nobody is answered here any more. */
  notLed(): SkeinError;
}

export class HomeDesk {
  readonly #edges: HomeDeskEdges;

  constructor(edges: HomeDeskEdges) {
    this.#edges = edges;
  }

  /**
   * @returns as it travels
   * @throws {SkeinError} by rejection: NOT_LEADER, OUTCOME_UNKNOWN, TOO_MANY_REQUESTS, REQUEST_ID_REUSED
   */
  async answer(question: HomeQuestion): Promise<unknown> {
    const { fills } = this.#edges;
    const { key } = question;
    switch (question.kind) {
      case "remove":
        return await this.#remove(key, question.request);
      case "invalidate":
        await this.#edges.open({ key, kind: "invalidate", write: null, request: null });
        return null;
      case "write":
        return encodeWriteAnswer(await this.#write(question));
      case "view":
        return encodeHomeView(this.#view(key));
      case "beginFill":
        // Somebody has put it since the caller looked, or may have.
        if (this.#isPut(key, question.peer)) return encodeFillAnswer({ kind: "again" });
        return encodeFillAnswer(await fills.begin(question));
      case "checkFill":
        return fills.isValid(key, question.token);
      case "settleFill":
        fills.settled(key, question.token);
        return null;
    }
  }

  async #remove(key: string, request: RequestKey | null): Promise<boolean> {
    if (request !== null && this.#edges.replica.remembers(request)) {
      const answer = await this.#again({ kind: "remove", ...this.#never(), key }, request);
      if (answer?.kind === "removed") return answer.existed;
    }
    return await this.#edges.open({ key, kind: "remove", write: null, request }) as boolean;
  }

  async #write(asked: WriteQuestion): Promise<HomeWriteAnswer> {
    const { replica } = this.#edges;
    const question = { ...asked, ttlMs: asked.ttlMs === null ? null : Math.round(asked.ttlMs) };
    const { key, request, value, ttlMs, ifVersion } = question;
    if (replica.remembers(request)) {
      const command = { kind: "put", ...this.#never(), key, value, ttlMs, ifVersion } as const;
      const answer = await this.#again(command, request);
      if (answer?.kind === "put") return { ok: true, version: answer.version };
    }
    if (this.#edges.room.lacks(key)) {
      throw new SkeinError("TOO_MANY_REQUESTS", "the key's partition is full");
    }
    const answer = await this.#edges.open({ key, kind: "remove", write: question, request });
    return answer as HomeWriteAnswer;
  }

  /** Of a term that is none: what names it is refused, if it is executed anew. */
  #never() {
    const term = this.#edges.term + 1;
    return { term, grant: { term, counter: 1 } };
  }

  /**
   * What a request was answered that was executed before.
   * @returns null where it is remembered no longer
   */
  async #again(
    command: CacheCommand,
    request: RequestKey,
  ): Promise<Extract<CacheAnswer, { readonly kind: string }> | null> {
    const proposed = await this.#edges.proposals.untilKnown(command, request);
    if (proposed.kind === "over") throw this.#edges.notLed();
    if (proposed.kind === "answer") return "kind" in proposed.answer ? proposed.answer : null;
    if (proposed.error.code === "CONFLICT") return null;
    throw proposed.error;
  }

  #view(key: string): HomeView {
    const holders = this.#edges.holders(key).map(({ peer, mode }): KeyHolder => {
      return { peer, state: mode === "owned" ? "E" : "S" };
    });
    const stored = this.#edges.replica.cache.read(key, this.#edges.timeMs());
    return { holders, version: stored?.version ?? null };
  }

  #isPut(key: string, caller: string): boolean {
    const isOwned = this.#edges.holders(key).some(({ peer, mode }) => {
      return mode === "owned" && peer !== caller;
    });
    return isOwned || this.#edges.replica.cache.read(key, this.#edges.timeMs()) !== null;
  }
}
