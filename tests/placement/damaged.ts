/** What a peer may send in place of a message of the right form. */

/** Stands for nothing that any message holds. */
const NONSENSE = { nonsense: true };

/** @returns copies of an encoded value, in each of which another of its parts is nonsense */
export function* damaged(value: unknown): Generator<unknown> {
  if (!Array.isArray(value)) return;
  for (const [at, part] of value.entries()) {
    yield value.with(at, NONSENSE);
    for (const inner of damaged(part)) yield value.with(at, inner);
  }
}
