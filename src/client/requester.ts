/**
 * Sends one request to a cluster: to the peer that answered last, and where that fails to the next one,
 * until there is an answer or the time for retries is over. It sends again only what is safe to: reads,
 * writes under a request id, and what certainly was not done. Between rounds over all peers it backs
 * off, at least as long as `Retry-After` says.
 */
import { type Answer, type Failure, failureOf, failureToConnect, parseObject } from "./failures.ts";
import { type ErrorCode, SkeinError } from "../errors.ts";
import { Random } from "../random.ts";
import { RequestIds } from "./request_ids.ts";

/** How long a peer may take beyond what a request itself asks it to wait, unless the call says otherwise. */
const ATTEMPT_TIMEOUT_MS = 15_000;
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 1_000;
/** The cluster remembers an answer for so long; a later retry would be a new request. */
export const RETRY_MAX_MS = 60_000;

/** Codes that say all that is known about what was done. */
const KNOWN_FATES: ReadonlySet<ErrorCode> = new Set(["OUTCOME_UNKNOWN", "PARTIAL_FAILURE"]);

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export interface RequesterOptions {
  readonly urls: readonly string[];
  readonly token: string | null;
  readonly retryMs: number;
  readonly fetch: typeof fetch;
  /** Of the JSON of answers. */
  readonly parse: (text: string) => unknown;
}

export interface Call {
  readonly method: "GET" | "POST";
  /** With its query, if any. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /**
   * `read`: may be sent again at will. `write`: likewise, because it runs under a request id. `once`: only
   * where it certainly was not done. `never`: one attempt at one peer.
   */
  readonly retry: "read" | "write" | "once" | "never";
  /** The caller's own id of a write; else one is minted. */
  readonly requestId?: string | undefined;
  /** How long the request itself asks the cluster to wait, and the body's field that says so. */
  readonly wait?: { readonly field: "timeout" | "wait"; readonly ms: number };
  /** How long a peer may take to answer, beyond that; 15 s where absent. */
  readonly answerMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A 2xx answer, to be read or cancelled, and which peer gives it. */
export interface Opened {
  readonly response: Response;
  /** Its place among the URLs. */
  readonly peer: number;
}

/** What is made of a 2xx answer. */
type Take<T> = (response: Response, peer: number) => Promise<T>;

interface Taken<T> {
  readonly taken: T;
}

export class Requester {
  readonly #options: RequesterOptions;
  readonly #ids = new RequestIds();
  readonly #random = new Random(...crypto.getRandomValues(new Uint32Array(2)));
  #current = 0;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  /**
   * @returns the body of a 2xx answer
   * @throws {SkeinError} by rejection, with the cluster's code; UNAVAILABLE where no peer can be
   * reached; OUTCOME_UNKNOWN where a write may have been done and no peer says so
   * @throws the signal's reason by rejection, when it is aborted
   */
  async json(call: Call): Promise<Record<string, unknown>> {
    return this.parse(call.path, await this.text(call));
  }

  /** @returns the JSON object that the answer of this path, or a part of it, is */
  parse(path: string, text: string): Record<string, unknown> {
    const body = parseObject(text, this.#options.parse);
    if (body === null) throw new SkeinError("INTERNAL", `${path} was not answered with JSON`);
    return body;
  }

  /** As `json`, for answers of another type. */
  text(call: Call): Promise<string> {
    return this.#answered(call, (response) => response.text());
  }

  /** As `json`, for answers that are read while they come. */
  open(call: Call): Promise<Opened> {
    return this.#answered(call, (response, peer) => Promise.resolve({ response, peer }));
  }

  /** This peer answers, and yet is of no use: calls go to the next one from now on. */
  leave(peer: number): void {
    if (this.#current === peer) this.#current = (peer + 1) % this.#options.urls.length;
  }

  async #answered<T>(call: Call, take: Take<T>): Promise<T> {
    if (call.requestId !== undefined && !REQUEST_ID.test(call.requestId)) {
      throw new SkeinError("BAD_REQUEST", "a request id is 1 to 128 visible ASCII characters");
    }
    const minted = call.retry === "write" && call.requestId === undefined ? this.#ids.mint() : null;
    try {
      return await this.#untilAnswered(call, minted?.header ?? null, take);
    } finally {
      minted?.settle();
    }
  }

  async #untilAnswered<T>(call: Call, session: string | null, take: Take<T>): Promise<T> {
    const waitMs = call.wait?.ms ?? 0;
    const deadlineMs = performance.now() + waitMs + this.#options.retryMs;
    const waitUntilMs = performance.now() + waitMs;
    let maybeDone = false;
    let retryAfterMs = 0;
    for (let attempt = 1;; attempt++) {
      const index = this.#current;
      const remainingWaitMs = Math.max(0, waitUntilMs - performance.now());
      const outcome = await this.#attempt(index, call, session, remainingWaitMs, take);
      if ("taken" in outcome) return outcome.taken;
      maybeDone ||= outcome.fate === "maybe done";
      retryAfterMs = Math.max(retryAfterMs, outcome.retryAfterMs);
      if (!mayRetry(call, outcome)) throw lastError(call, outcome.error, maybeDone);
      this.leave(index);
      const isRoundOver = attempt % this.#options.urls.length === 0;
      const pauseMs = isRoundOver ? Math.max(retryAfterMs, this.#backoffMs(attempt)) : 0;
      if (performance.now() + pauseMs > deadlineMs) throw lastError(call, outcome.error, maybeDone);
      if (!isRoundOver) continue;
      await pause(pauseMs, call.signal);
      retryAfterMs = 0;
    }
  }

  #backoffMs(attempt: number): number {
    const round = Math.floor(attempt / this.#options.urls.length);
    const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(round, 10));
    return fullMs * (0.5 + this.#random.fraction() / 2);
  }

  async #attempt<T>(
    index: number,
    call: Call,
    session: string | null,
    waitMs: number,
    take: Take<T>,
  ): Promise<Taken<T> | Failure> {
    const url = this.#options.urls[index]!;
    let answer: Answer | Taken<T>;
    try {
      const taken = (response: Response) => take(response, index);
      answer = await this.#send(url, call, session, waitMs, taken);
    } catch (cause) {
      call.signal?.throwIfAborted();
      return failureToConnect(url, cause);
    }
    return "taken" in answer ? answer : failureOf(url, answer);
  }

  async #send<T>(
    url: string,
    call: Call,
    session: string | null,
    waitMs: number,
    take: (response: Response) => Promise<T>,
  ): Promise<Answer | Taken<T>> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error("no answer in time")),
      waitMs + (call.answerMs ?? ATTEMPT_TIMEOUT_MS),
    );
    try {
      const signal = call.signal === undefined
        ? late.signal
        : AbortSignal.any([call.signal, late.signal]);
      const response = await this.#options.fetch(url + call.path, {
        method: call.method,
        headers: this.#headers(call, session),
        signal,
        redirect: "error",
        ...(call.body === undefined ? {} : { body: bodyText(call, waitMs) }),
      });
      if (response.ok) return { taken: await take(response) };
      const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
      return {
        status: response.status,
        text: await response.text(),
        retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0,
      };
    } finally {
      clearTimeout(timer);
    }
  }

  #headers(call: Call, session: string | null): Record<string, string> {
    const headers: Record<string, string> = {};
    if (this.#options.token !== null) headers["authorization"] = `Bearer ${this.#options.token}`;
    if (call.body !== undefined) headers["content-type"] = "application/json";
    if (session !== null) headers["skein-session"] = session;
    if (call.requestId !== undefined) headers["x-request-id"] = call.requestId;
    return headers;
  }
}

/** What a request that waits sends again asks to wait for what is left; the cluster knows it by its id. */
function bodyText(call: Call, waitMs: number): string {
  const { body, wait } = call;
  return JSON.stringify(wait === undefined ? body : { ...body, [wait.field]: waitMs / 1000 });
}

function mayRetry({ retry }: Call, { fate }: Failure): boolean {
  if (retry === "never" || fate === "final") return false;
  return fate === "not done" || retry !== "once";
}

function lastError(call: Call, error: SkeinError, maybeDone: boolean): SkeinError {
  const isWrite = call.retry === "write" || call.retry === "once";
  if (!isWrite || !maybeDone || KNOWN_FATES.has(error.code)) return error;
  return new SkeinError("OUTCOME_UNKNOWN", `it may or may not have been done: ${error.message}`);
}

/** @throws the signal's reason by rejection, when it is aborted */
export function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    if (signal?.aborted === true) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
