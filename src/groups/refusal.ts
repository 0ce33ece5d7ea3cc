/**
 * A refusal as an answer: what a state machine gives in place of a result when nothing was executed (a
 * command that is unknown here, a bound that is reached, a request id used twice). It is a value, because
 * it comes out of `apply` on every replica and travels to the proposer; the proposer's host turns it into
 * the `SkeinError` that the caller sees. A refusal leaves no trace in the state and is never remembered, so
 * the same request may be tried again.
 */
import { type ErrorCode, errorCodeOf, SkeinError } from "../errors.ts";

export interface RefusedAnswer {
  readonly refused: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

/**
 * @param code which kind of error the caller sees
 * @param message one sentence for a person
 * @param details further fields of the error; must be msgpack-able
 */
export function refuse(
  code: ErrorCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): RefusedAnswer {
  return { refused: { code, message, details } };
}

/** Whether this answer, possibly from another peer, is a refusal. */
export function isRefused(answer: unknown): answer is RefusedAnswer {
  return typeof answer === "object" && answer !== null && Object.hasOwn(answer, "refused");
}

/**
 * @param answer any machine's answer, possibly from a peer of another version
 * @returns the error that the caller gets, or null where the answer is a result
 */
export function errorOf(answer: unknown): SkeinError | null {
  if (!isRefused(answer)) return null;
  const { code, message, details } = answer.refused;
  return new SkeinError(errorCodeOf(code), message, details);
}
