/**
 * What went wrong with one attempt, as an error for the caller and as the one thing that decides whether the
 * request may be sent again: whether it was done.
 */
import { ERROR_STATUS, type ErrorCode, SkeinError } from "../errors.ts";

/** Codes that say: nothing was done. Anything may be sent again after them. */
const NOT_DONE: ReadonlySet<ErrorCode> = new Set(["NO_LEADER", "NOT_LEADER", "TOO_MANY_REQUESTS"]);
/** Codes after which it is not known whether something was done. */
const MAYBE_DONE: ReadonlySet<ErrorCode> = new Set([
  "STORAGE_FAILED",
  "SHUTTING_DOWN",
  "UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "PARTIAL_FAILURE",
]);

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number;
}

export interface Failure {
  readonly error: SkeinError;
  /** `final`: an answer that a further attempt would not change. */
  readonly fate: "final" | "not done" | "maybe done";
  readonly retryAfterMs: number;
}

/**
 * @param url the peer that was asked
 * @param cause what `fetch` threw
 */
export function failureToConnect(url: string, cause: unknown): Failure {
  return {
    error: new SkeinError("UNAVAILABLE", `${url} did not answer: ${reasonOf(cause)}`),
    fate: neverSent(cause) ? "not done" : "maybe done",
    retryAfterMs: 0,
  };
}

/** @param answer any but a 2xx, of the peer or of a proxy before it */
export function failureOf(url: string, answer: Answer): Failure {
  const error = errorOf(url, answer);
  return { error, fate: fateOf(error.code), retryAfterMs: answer.retryAfterMs };
}

/** @returns the JSON object that the text is, or null */
export function parseObject(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): Record<string, unknown> | null {
  try {
    const value = parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

function fateOf(code: ErrorCode): Failure["fate"] {
  if (NOT_DONE.has(code)) return "not done";
  return MAYBE_DONE.has(code) ? "maybe done" : "final";
}

/** A connection that was refused carried nothing. Runtimes say so in different ways, some in the cause. */
function neverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  return code === "ECONNREFUSED" || code === "ENOTFOUND" ||
    error.message.includes("client error (Connect)") || neverSent(error.cause);
}

/** The innermost message, because runtimes wrap it in one that only says that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

function errorOf(url: string, { status, text }: Answer): SkeinError {
  const body = parseObject(text);
  const code = body?.["error"];
  if (body !== null && typeof code === "string" && Object.hasOwn(ERROR_STATUS, code)) {
    const { success: _success, error: _error, message, ...details } = body;
    return new SkeinError(code as ErrorCode, String(message), details);
  }
  const message = `${url} answered ${status}: ${text.slice(0, 200)}`;
  if (status === 429) return new SkeinError("TOO_MANY_REQUESTS", message);
  if (status === 504) return new SkeinError("OUTCOME_UNKNOWN", message);
  return new SkeinError(status === 502 || status === 503 ? "UNAVAILABLE" : "INTERNAL", message);
}
