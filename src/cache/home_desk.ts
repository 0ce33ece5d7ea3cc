/**
 * What callers ask of one home. A request under a caller's own id that was executed before is answered as then, and
 * executes nothing.
 */
import { SkeinError } from "../errors.ts";
import { forGood } from "../groups/group_errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { Backing } from "./backing.ts";
import type { KeyHolder } from "./cache.ts";
import type { Entry } from "./directory_entry.ts";
import type { HomeFills } from "./home_fills.ts";
import type { Asked, JobAnswer } from "./home_jobs.ts";
import {
  encodeFillAnswer,
  encodeHomeView,
  encodeWriteAnswer,
  type HomeQuestion,
  type HomeView,
  type HomeWriteAnswer,
  type WriteQuestion,
} from "./home_question_codec.ts";

export interface HomeDeskEdges {
  readonly backing: Backing;
  readonly fills: HomeFills;
  /** Of the key's entry, where there is one. */
  entry(key: string): Pick<Entry, "holders" | "queue"> | undefined;
  /** The key's entry is to do this, in its turn. */
  open(asked: Asked): Promise<JobAnswer>;
  /** What the same request comes to; null: it is not under way. */
  underWay(asked: Asked): Promise<JobAnswer> | null;
  /** Whether the home lease lasts. */
  mayGrant(): boolean;
}

export class HomeDesk {
  readonly #edges: HomeDeskEdges;

  constructor(edges: HomeDeskEdges) {
    this.#edges = edges;
  }

  /**
   * @returns as it travels
   * @throws {SkeinError} by rejection: NOT_LEADER, OUTCOME_UNKNOWN, TOO_MANY_REQUESTS, REQUEST_ID_REUSED, UNAVAILABLE
   */
  async answer(question: HomeQuestion): Promise<unknown> {
    try {
      return await this.#answer(question);
    } catch (error) {
      // What is in the way behind the home is so whoever asks again. Who may have been followed does not say that.
      const isForGood = error instanceof SkeinError && error.code === "UNAVAILABLE" &&
        this.#edges.mayGrant();
      throw isForGood ? forGood(error) : error;
    }
  }

  async #answer(question: HomeQuestion): Promise<unknown> {
    const { fills } = this.#edges;
    const { key } = question;
    switch (question.kind) {
      case "remove":
        return await this.#remove(key, question.request);
      case "invalidate":
        await this.#open({ key, kind: "invalidate", write: null, request: null });
        return null;
      case "write":
        return encodeWriteAnswer(await this.#write(question));
      case "view":
        return encodeHomeView(await this.#view(key));
      case "beginFill":
        // Somebody has put it since the caller looked, or may have.
        if (await this.#isPut(key, question.peer)) return encodeFillAnswer({ kind: "again" });
        return encodeFillAnswer(await fills.begin(question));
      case "checkFill":
        return fills.isValid(key, question.token);
      case "settleFill":
        fills.settled(key, question.token);
        return null;
    }
  }

  async #remove(key: string, request: RequestKey | null): Promise<boolean> {
    const question = { kind: "remove", key, request } as const;
    const before = request === null ? null : await this.#edges.backing.remembered(question);
    const answer = before ?? await this.#open({ key, kind: "remove", write: null, request });
    return answer as boolean;
  }

  async #write(write: WriteQuestion): Promise<HomeWriteAnswer> {
    const { backing, fills } = this.#edges;
    const question = { ...write, ttlMs: write.ttlMs === null ? null : Math.round(write.ttlMs) };
    const { key, request, fillToken } = question;
    const before = await backing.remembered(question);
    if (before !== null) return before as HomeWriteAnswer;
    const asked = { key, kind: "remove", write: question, request } as const;
    // Its token may be over by now, and the partition full: it is done all the same.
    const underWay = this.#edges.underWay(asked);
    if (underWay !== null) return await underWay as HomeWriteAnswer;
    if (fillToken !== null && !fills.isValid(key, fillToken)) {
      return { ok: false, version: await backing.version(key) };
    }
    if (backing.lacks(key)) {
      throw new SkeinError("TOO_MANY_REQUESTS", "the key's partition is full");
    }
    return await this.#open(asked) as HomeWriteAnswer;
  }

  /** One key's callers do not take the place of all others. */
  #open(asked: Asked): Promise<JobAnswer> {
    const { entry, underWay, open } = this.#edges;
    const waiting = entry(asked.key)?.queue.length ?? 0;
    if (waiting < LIMITS.cacheKeyJobsMax || underWay(asked) !== null) return open(asked);
    const error = new SkeinError("TOO_MANY_REQUESTS", `${waiting} requests wait for this key`);
    return Promise.reject(error);
  }

  async #view(key: string): Promise<HomeView> {
    const holders = (this.#edges.entry(key)?.holders ?? []).map(({ peer, mode }): KeyHolder => {
      return { peer, state: mode === "owned" ? "E" : "S" };
    });
    return { holders, version: await this.#edges.backing.version(key) };
  }

  async #isPut(key: string, caller: string): Promise<boolean> {
    const isOwned = (this.#edges.entry(key)?.holders ?? []).some(({ peer, mode }) => {
      return mode === "owned" && peer !== caller;
    });
    return isOwned || await this.#edges.backing.version(key) !== null;
  }
}
