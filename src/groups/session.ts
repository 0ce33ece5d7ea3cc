/**
 * Request ids that this peer mints for writes whose caller brought none, so that its own retries never
 * execute twice. A session numbers its requests and always tells the lowest one still unanswered:
 * the replicated table drops every answer below that, and stays small at full speed. Pure.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { RequestKey } from "./groups.ts";

type SessionKey = Extract<RequestKey, { readonly kind: "session" }>;

/** One numbered sequence of requests. Others join it while fewer than `sessionOpenMax` are open. */
class Session {
  readonly #name: string;
  readonly #bootId: string;
  readonly #open = new Set<number>();
  #next = 1;

  constructor(name: string, bootId: string) {
    this.#name = name;
    this.#bootId = bootId;
  }

  get full(): boolean {
    // The bound is on the span, because one old open request keeps every later answer in the table.
    return this.#next - this.#lowestOpen() >= LIMITS.sessionOpenMax;
  }

  mint(): SessionKey {
    assert(!this.full, "a session has room when it mints an id");
    const sequence = this.#next++;
    this.#open.add(sequence);
    return {
      kind: "session",
      session: this.#name,
      bootId: this.#bootId,
      sequence,
      lowestOpen: this.#lowestOpen(),
    };
  }

  answered(sequence: number): void {
    assert(this.#open.delete(sequence), `request ${sequence} is answered once`);
  }

  /** A Set keeps insertion order, and sequences are inserted in order. */
  #lowestOpen(): number {
    for (const sequence of this.#open) return sequence;
    return this.#next;
  }
}

/** All sessions of one peer's run; opens another one when those that exist are full. */
export class Sessions {
  readonly #owner: string;
  readonly #bootId: string;
  readonly #sessions = new Map<string, Session>();

  /**
   * @param owner names the peer
   * @param bootId names its run
   */
  constructor(owner: string, bootId: string) {
    this.#owner = owner;
    this.#bootId = bootId;
  }

  /** @returns a new id, or null when too many requests are open */
  mint(): SessionKey | null {
    for (const session of this.#sessions.values()) if (!session.full) return session.mint();
    if (this.#sessions.size >= SESSIONS_MAX) return null;
    const name = `${this.#owner}/${this.#sessions.size}`;
    const session = new Session(name, this.#bootId);
    this.#sessions.set(name, session);
    return session.mint();
  }

  /** The request has its answer, or nobody waits for one any more. */
  answered(key: SessionKey): void {
    const session = this.#sessions.get(key.session);
    assert(session !== undefined, `session ${key.session} was minted here`);
    session.answered(key.sequence);
  }
}

const SESSIONS_MAX = Math.ceil(LIMITS.pendingProposalsMax / LIMITS.sessionOpenMax);
