/**
 * Assertions for our own bugs: on in production. A failed one means that the program no longer knows
 * what it is doing, so it stops the peer (see `src/peer/`) instead of damaging data. Bad input from
 * outside is never asserted on: it is an error value to its sender (see `errors.ts`).
 */

/** Thrown where the program finds itself in a state that its author held to be impossible. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * @param condition what must hold
 * @param message what was expected, and the value that was in the way
 * @throws {AssertionError} when the condition does not hold
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Ends an exhaustive switch: the compiler proves that no case is left, this proves it at run time. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value: ${JSON.stringify(value)}`);
}
