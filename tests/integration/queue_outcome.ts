/** What became of a request of the queue, as its caller knows: done, not done, or nobody can say. */
import { SkeinError } from "../../src/client/mod.ts";

/** After these a request has certainly done nothing. */
const NOT_DONE: ReadonlySet<string> = new Set(["NO_LEADER", "UNAVAILABLE", "TOO_MANY_REQUESTS"]);
const UNKNOWN: ReadonlySet<string> = new Set(["OUTCOME_UNKNOWN", "PARTIAL_FAILURE"]);

const RETRY_PAUSE_MS = 50;
/** A cluster that lost a peer is back long before that. */
const GIVE_UP_MS = 120_000;

export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "not done" | "unknown"; readonly error: SkeinError };

/**
 * @param signal aborted when the caller goes away
 * @throws what no cluster in trouble answers with
 */
export async function outcomeOf<T>(
  call: Promise<T>,
  signal: AbortSignal | null = null,
): Promise<Outcome<T>> {
  try {
    return { kind: "done", value: await call };
  } catch (error) {
    if (signal?.aborted === true) {
      const gone = new SkeinError("OUTCOME_UNKNOWN", "its caller went away");
      return { kind: "unknown", error: gone };
    }
    if (!(error instanceof SkeinError)) throw error;
    if (NOT_DONE.has(error.code)) return { kind: "not done", error };
    if (UNKNOWN.has(error.code)) return { kind: "unknown", error };
    throw error;
  }
}

/**
 * Tries until an attempt resolves with null.
 * @throws by rejection what the last attempt resolved with, when no cluster should take so long
 */
export async function untilDone(attempt: () => Promise<SkeinError | null>): Promise<void> {
  const untilMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const error = await attempt();
    if (error === null) return;
    if (performance.now() > untilMs) throw error;
    await rest(RETRY_PAUSE_MS);
  }
}

/** A pause between two requests of one client. */
export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
