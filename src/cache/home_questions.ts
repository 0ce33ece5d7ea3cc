/**
 * What is asked of a key's home beside what lines and homes tell each other: to remove and to invalidate, to write
 * through the home under a caller's own id, to say who holds what, and who is to compute a value that is missing. The
 * asking side; questions go to the home wherever it is. Their form is in `home_question_codec.ts`.
 */
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

export class HomeQuestions {
  readonly #edges: Pick<CacheEdges, "groups" | "partitions" | "timeouts" | "self">;

  constructor(edges: Pick<CacheEdges, "groups" | "partitions" | "timeouts" | "self">) {
    this.#edges = edges;
  }

  /**
   * No line is left anywhere, and no value, when this resolves.
   * @param request the caller's own id: sent again, it is answered as then
   * @returns whether there was a value
   * @throws {SkeinError} by rejection: as `Groups.ask`, and TOO_MANY_REQUESTS
   */
  async remove(key: string, request: RequestKey | null): Promise<boolean> {
    return decodeFlag(await this.#ask({ kind: "remove", key, request }));
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
   * @throws {SkeinError} by rejection: as `Groups.ask`, TOO_MANY_REQUESTS, REQUEST_ID_REUSED
   */
  async write(
    key: string,
    write: {
      readonly value: Uint8Array;
      readonly ttlMs: number | null;
      readonly ifVersion: Version | null | undefined;
      readonly request: RequestKey;
    },
  ): Promise<HomeWriteAnswer> {
    return decodeWriteAnswer(await this.#ask({ kind: "write", key, ...write }));
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
    return decodeFillAnswer(await this.#ask(question, waitMs));
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

  #ask(question: HomeQuestion, waitMs = 0): Promise<unknown> {
    const { groups, timeouts } = this.#edges;
    const group = groupOfKey(this.#edges, question.key);
    return groups.ask(group, HOME_METHOD, encodeQuestion(question), waitMs + timeouts.askMs);
  }
}
