/**
 * Answers the requests of other peers: calls the handler, bounded for each peer, and sends back its answer
 * or its refusal. A `SkeinError` is told as it is; any other failure is our bug, and the other side learns
 * no more than `INTERNAL`.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Connection } from "./connection.ts";
import { reportHandlerBug } from "./handler_bug.ts";
import { type Frame, KIND } from "./protocol.ts";
import type { TransportCounters } from "./statistics.ts";

export type RequestFrame = Extract<Frame, { kind: "request" }>;

export class RequestServer {
  readonly #counters: TransportCounters;
  readonly #logger: Logger;
  /** Requests of each peer that the handler is at work on. */
  readonly #open = new Map<PeerId, number>();

  constructor(counters: TransportCounters, logger: Logger) {
    this.#counters = counters;
    this.#logger = logger;
  }

  /** @param handle makes the answer; may throw or reject */
  serve(connection: Connection, request: RequestFrame, handle: () => Promise<unknown>): void {
    const { peer } = connection;
    const open = this.#open.get(peer) ?? 0;
    if (open >= LIMITS.peerRequestsMax) {
      const error = new SkeinError("TOO_MANY_REQUESTS", `${open} requests of this peer are open`);
      this.#refuse(connection, request.id, error);
      return;
    }
    this.#open.set(peer, open + 1);
    let answer: Promise<unknown>;
    try {
      answer = handle();
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then((value) => this.#answer(connection, request, value))
      .catch((error) => this.#refuse(connection, request.id, this.#presentable(error, request)))
      .catch((error) => reportHandlerBug(this.#logger, error, `a refusal of ${request.method}`))
      .then(() => this.#done(peer));
  }

  #done(peer: PeerId): void {
    const left = this.#open.get(peer)! - 1;
    if (left === 0) this.#open.delete(peer);
    else this.#open.set(peer, left);
  }

  #answer(connection: Connection, { id, method }: RequestFrame, value: unknown): void {
    const outcome = connection.enqueue([KIND.answer, id, value]);
    if (outcome === "too_large") {
      throw new SkeinError("PAYLOAD_TOO_LARGE", `the answer to ${method} is larger than a frame`);
    }
    if (outcome !== "queued") this.#counters.messagesDropped++;
  }

  #refuse(connection: Connection, id: number, error: SkeinError): void {
    const { code, message, details } = error;
    const outcome = connection.enqueue([KIND.refusal, id, code, message, details]);
    if (outcome !== "queued") this.#counters.messagesDropped++;
  }

  #presentable(error: unknown, { method }: RequestFrame): SkeinError {
    if (error instanceof SkeinError) return error;
    reportHandlerBug(this.#logger, error, `the request ${method}`);
    return new SkeinError("INTERNAL", `could not answer ${method}`);
  }
}
