/**
 * Sends what callers ask of one place, a lane or a topic. Small ones of several callers gather while others of this peer
 * are on their way there, and then go as one command: one entry, one fsync. Larger ones go alone.
 *
 * A command is carried out whole or not at all. Where several callers' is refused for what only some of them ask, each is
 * sent again alone, all at once: none waits for the others' refusals.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { type ErrorCode, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type GatheredPart, Gatherer } from "./gatherer.ts";

/** Larger ones gain nothing by company. */
const SHARED_WEIGHT_MAX = 50;
const SHARED_BYTES_MAX = 16 * 1024;
/** Refusals that may be for the sake of one caller. */
const CONCERNS_SOME: ReadonlySet<ErrorCode> = new Set([
  "TOO_MANY_REQUESTS",
  "INVALID",
  "PAYLOAD_TOO_LARGE",
]);

export interface SharedSenderEdges<C, A> {
  readonly clock: Pick<Clock, "monotonicMs" | "timer">;
  /** Whoever waited longer when its turn comes is not sent any more. */
  readonly waitingMsMax: number;
  /** What callers are told while as much waits as may. */
  readonly fullMessage: string;
  /** Whether what some ask may be why a command of several is refused. */
  readonly mayConcernSome: boolean;
  /**
   * Sends what these ask of one place as one command.
   * @returns each one's part of the answer, in order
   * @throws {SkeinError} by rejection
   */
  send(contents: readonly [C, ...C[]]): Promise<readonly A[]>;
}

interface Part<C, A> extends GatheredPart {
  readonly content: C;
  readonly settled: PromiseWithResolvers<A>;
}

/**
 * @typeParam C what one caller asks
 * @typeParam A what it is answered
 */
export class SharedSender<C, A> {
  readonly #edges: SharedSenderEdges<C, A>;
  readonly #gatherer: Gatherer<Part<C, A>>;

  constructor(edges: SharedSenderEdges<C, A>) {
    this.#edges = edges;
    const limits = {
      weightMax: LIMITS.sharedCommandMax,
      bytesMax: LIMITS.appendBytesMax,
      waitingWeightMax: LIMITS.pendingProposalsMax,
      waitingBytesMax: LIMITS.pendingProposalBytesMax,
      waitingMsMax: edges.waitingMsMax,
    };
    this.#gatherer = new Gatherer(edges.clock, limits, {
      send: (_place, parts) => this.#sendTogether(parts),
      refuse: ({ settled }, reason) => settled.reject(reason),
    });
  }

  /**
   * @param place names where it goes: only what goes to the same one goes together
   * @param size of the content
   * @returns the answer as if this had been sent alone
   * @throws {SkeinError} by rejection: TOO_MANY_REQUESTS, UNAVAILABLE (it was not sent), and what `send` throws
   */
  send(place: string, content: C, { weight, bytes }: GatheredPart): Promise<A> {
    const settled = Promise.withResolvers<A>();
    const part = { weight, bytes, content, settled };
    const isShared = weight <= SHARED_WEIGHT_MAX && bytes <= SHARED_BYTES_MAX;
    if (!isShared) void this.#sendTogether([part]);
    else if (!this.#gatherer.isFull) this.#gatherer.add(place, part);
    else settled.reject(new SkeinError("TOO_MANY_REQUESTS", this.#edges.fullMessage));
    return settled.promise;
  }

  async #sendTogether(parts: readonly Part<C, A>[]): Promise<void> {
    const contents = parts.map(({ content }) => content);
    try {
      const answers = await this.#edges.send(contents as [C, ...C[]]);
      assert(answers.length === parts.length, "each caller has its part of the answer");
      for (const [place, { settled }] of parts.entries()) settled.resolve(answers[place]!);
    } catch (error) {
      if (parts.length > 1 && this.#concernsSome(error)) {
        await Promise.all(parts.map((part) => this.#sendTogether([part])));
      } else {
        for (const { settled } of parts) settled.reject(error);
      }
    }
  }

  #concernsSome(error: unknown): boolean {
    return this.#edges.mayConcernSome && error instanceof SkeinError &&
      CONCERNS_SOME.has(error.code);
  }
}
