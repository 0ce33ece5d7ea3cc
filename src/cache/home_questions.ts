/**
 * What is asked of a key's home beside what lines and homes tell each other: to remove and to invalidate, to write
 * through the home under a caller's own id, to say who holds what, and who is to compute a value that is missing. The
 * asking side; questions go to the home wherever it is. Their form is in `home_question_codec.ts`.
 */
import { SkeinError } from "../errors.ts";
import { NOTHING_CAME_OF_IT } from "../groups/group_errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { type CacheEdges, groupOfKey } from "./cache_edges.ts";
import {
  decodeFillAnswer,
  decodeFlag,
  decodeHomeView,
  decodeWriteAnswer,
  encodeQuestion,
  type FillGrant,
  HOME_METHOD,
  type HomeQuestion,
  type HomeView,
  type HomeWriteAnswer,
} from "./home_question_codec.ts";
import type { Version } from "./version.ts";

type Edges = Pick<CacheEdges, "groups" | "partitions" | "timeouts" | "self" | "clock">;

export class HomeQuestions {
  readonly #edges: Edges;

  constructor(edges: Edges) {
    this.#edges = edges;
  }

  /**
   * No line is left anywhere, and no value, when this resolves.
   * @param request the caller's own id: sent again, it is answered as then
   * @returns whether there was a value
   * @throws {SkeinError} by rejection: as `Groups.ask`, and TOO_MANY_REQUESTS
   */
  async remove(key: string, request: RequestKey | null): Promise<boolean> {
    const question = { kind: "remove", key, request } as const;
    return decodeFlag(await (request === null ? this.#ask(question) : this.#askAgain(question)));
  }

  /**
   * No line is left anywhere when this resolves, and what was dirty is written back.
   * @throws {SkeinError} by rejection: as `Groups.ask`, and TOO_MANY_REQUESTS
   */
  async invalidate(key: string): Promise<void> {
    await this.#ask({ kind: "invalidate", key });
  }

  /**
   * A durable write by the home itself, under a caller's own id: no line is left anywhere when this resolves. Sent again
   * it is answered as then, and writes nothing.
   * @param write.ifVersion null: only where there is no value; undefined: whatever is there
   * @param write.fillToken where that is over nothing is written; null: the write fills nothing
   * @throws {SkeinError} by rejection: as `Groups.ask`, TOO_MANY_REQUESTS, REQUEST_ID_REUSED
   */
  async write(
    key: string,
    write: {
      readonly value: Uint8Array;
      readonly ttlMs: number | null;
      readonly ifVersion: Version | null | undefined;
      readonly request: RequestKey;
      readonly fillToken: string | null;
    },
  ): Promise<HomeWriteAnswer> {
    return decodeWriteAnswer(await this.#askAgain({ kind: "write", key, ...write }));
  }

  /** Who holds the line, as its home knows. @throws {SkeinError} by rejection: as `Groups.ask` */
  async view(key: string): Promise<HomeView> {
    return decodeHomeView(await this.#ask({ kind: "view", key }));
  }

  /**
   * The key has no value: who computes it?
   * @param wish.waitMs how long to wait for somebody else who does
   * @returns a token: this caller. `again`: it was filled, or nobody computes it any more; whoever asked looks again.
   * `late`: somebody else still does
   * @throws {SkeinError} by rejection: as `Groups.ask`, and TOO_MANY_REQUESTS
   */
  async beginFill(
    key: string,
    { waitMs, ttlMs }: { readonly waitMs: number; readonly ttlMs: number },
  ): Promise<FillGrant> {
    const question = { kind: "beginFill", key, peer: this.#edges.self, waitMs, ttlMs } as const;
    return decodeFillAnswer(
      await this.#ask(question, waitMs + this.#edges.timeouts.askMs),
    );
  }

  /** Whether this token is the key's and not over. @throws {SkeinError} by rejection: as `Groups.ask` */
  async checkFill(key: string, token: string): Promise<boolean> {
    return decodeFlag(await this.#ask({ kind: "checkFill", key, token }));
  }

  /**
   * The value was put, or the token is given back: those who wait look again.
   * @throws {SkeinError} by rejection: as `Groups.ask`
   */
  async settleFill(key: string, token: string): Promise<void> {
    await this.#ask({ kind: "settleFill", key, token });
  }

  /**
   * Under a caller's own id a question may be asked again whatever became of it. Once it may have been heard, that nothing
   * came of a later attempt does not tell that nothing came of it.
   */
  async #askAgain(question: HomeQuestion): Promise<unknown> {
    const { clock, timeouts } = this.#edges;
    const endMs = clock.monotonicMs() + timeouts.askMs;
    let unknown: SkeinError | null = null;
    for (let leftMs = timeouts.askMs; leftMs > 0; leftMs = endMs - clock.monotonicMs()) {
      try {
        return await this.#ask(question, leftMs);
      } catch (error) {
        if (!(error instanceof SkeinError)) throw error;
        if (error.code === "OUTCOME_UNKNOWN") unknown = error;
        else throw unknown !== null && isOfAttempt(error) ? unknown : error;
      }
    }
    throw unknown!;
  }

  #ask(question: HomeQuestion, timeoutMs = this.#edges.timeouts.askMs): Promise<unknown> {
    const group = groupOfKey(this.#edges, question.key);
    return this.#edges.groups.ask(group, HOME_METHOD, encodeQuestion(question), timeoutMs);
  }
}

/** Whether this says what one attempt came to, and not what became of the request. */
function isOfAttempt({ code }: SkeinError): boolean {
  return NOTHING_CAME_OF_IT.has(code) || code === "TOO_MANY_REQUESTS";
}
