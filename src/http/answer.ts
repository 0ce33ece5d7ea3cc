/**
 * How answers look: JSON bodies, and the one form of every error:
 * `{success: false, error: "CODE", message, …}`. Handlers throw `SkeinError` or return a response; here is
 * the only place that turns an error into a status and a body. What is not a `SkeinError` is a bug: its
 * text stays in our log and out of the answer.
 */
import { UnreadBodyError } from "./body.ts";
import { ERROR_STATUS, SkeinError } from "../errors.ts";

const JSON_HEADERS: Readonly<Record<string, string>> = { "content-type": "application/json" };

/** Seconds after which a caller may try again, for answers that say "not now". */
const RETRY_AFTER_SECONDS = "1";

/**
 * @param body what becomes the JSON body
 * @param status the HTTP status, 200 by default
 */
export function answer(body: Readonly<Record<string, unknown>>, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: JSON_HEADERS });
}

/** @param json the text of a JSON object */
export function answerText(json: string): Response {
  return new Response(json, { status: 200, headers: JSON_HEADERS });
}

/** @param json a JSON object in UTF-8 */
export function answerBytes(json: Uint8Array<ArrayBuffer>): Response {
  return new Response(json, { status: 200, headers: JSON_HEADERS });
}

/** The JSON body of an error. Its details never replace what every error has. */
export function errorBody({ code, message, details }: SkeinError): Record<string, unknown> {
  const { success: _success, error: _error, message: _message, ...further } = details;
  return { success: false, error: code, message, ...further };
}

/**
 * @param error what a handler threw, after `asSkeinError`
 * @param extraHeaders headers beside those that the error's kind brings, e.g. `Allow`
 */
export function errorAnswer(
  error: SkeinError,
  extraHeaders: Readonly<Record<string, string>> = {},
): Response {
  const status = ERROR_STATUS[error.code];
  const headers: Record<string, string> = { ...JSON_HEADERS, ...extraHeaders };
  if (status === 503 || status === 429) headers["retry-after"] = RETRY_AFTER_SECONDS;
  if (status === 401) headers["www-authenticate"] = "Bearer";
  const isLast = error instanceof UnreadBodyError || error.code === "SHUTTING_DOWN";
  if (isLast) headers["connection"] = "close";
  return new Response(JSON.stringify(errorBody(error)), { status, headers });
}

/** For a caller who went away before there was an answer: nobody reads it, but the counters show its status. */
export function callerGone(): Response {
  return new Response(null, { status: 499 });
}

/** Anything thrown, as what a caller may see. */
export function asSkeinError(thrown: unknown): SkeinError {
  if (thrown instanceof SkeinError) return thrown;
  return new SkeinError(
    "INTERNAL",
    "the peer could not answer because of a bug; its log says more",
  );
}
