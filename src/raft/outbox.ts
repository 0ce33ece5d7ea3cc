/**
 * Everything that the core wants from its driver, gathered until `ready()` hands it out. Messages are
 * split here, in one place: what promises nothing leaves at once, what promises something (a vote, an
 * acknowledged append) is held until the write that it rests on is durable. A held message goes only if
 * the term is still the one in which it was made.
 */
import type { Replica } from "./entry.ts";
import type { Envelope, MessageBody } from "./message.ts";
import type { Fetch, ReadState, SnapshotPart, SnapshotRead } from "./ready.ts";

interface Held {
  readonly token: number;
  readonly envelope: Envelope;
}

/** A list that is handed out whole; empty ones cost nothing. */
export class Batch<T> {
  #items: T[] = [];
  static readonly #none: readonly never[] = [];

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  take(): readonly T[] {
    if (this.#items.length === 0) return Batch.#none;
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

export class Outbox {
  readonly fetches: Batch<Fetch> = new Batch();
  readonly snapshotReads: Batch<SnapshotRead> = new Batch();
  readonly snapshotChunks: Batch<SnapshotPart> = new Batch();
  readonly reads: Batch<ReadState> = new Batch();
  readonly readsLost: Batch<number> = new Batch();
  readonly messages: Batch<Envelope> = new Batch();

  readonly #self: Replica;
  readonly #held: Held[] = [];

  constructor(self: Replica) {
    this.#self = self;
  }

  get isEmpty(): boolean {
    return this.messages.length === 0 && this.reads.length === 0 && this.fetches.length === 0 &&
      this.snapshotChunks.length === 0 && this.snapshotReads.length === 0 &&
      this.readsLost.length === 0;
  }

  send(to: Replica, term: number, body: MessageBody): void {
    this.messages.push({ from: this.#self, to, term, body });
  }

  /** As `send`, once the write `token` is durable. */
  hold(to: Replica, term: number, body: MessageBody, token: number): void {
    const envelope = { from: this.#self, to, term, body };
    const last = this.#held[this.#held.length - 1];
    if (last !== undefined && last.token === token && isCoveredBy(last.envelope, envelope)) {
      this.#held.pop();
    }
    this.#held.push({ token, envelope });
  }

  /** Lets go what rests on this write or an earlier one, and is of the current term. */
  release(durableToken: number, term: number): void {
    let count = 0;
    while (count < this.#held.length && this.#held[count]!.token <= durableToken) {
      const { envelope } = this.#held[count]!;
      if (envelope.term === term) this.messages.push(envelope);
      count++;
    }
    this.#held.splice(0, count);
  }
}

/** Acknowledgements are cumulative: of two that wait for the same write only the farther one is sent. */
function isCoveredBy(earlier: Envelope, later: Envelope): boolean {
  return earlier.body.kind === "appendAnswer" && later.body.kind === "appendAnswer" &&
    earlier.body.accepted && later.body.accepted && earlier.body.index <= later.body.index &&
    earlier.term === later.term && earlier.to.peer === later.to.peer &&
    earlier.to.replica === later.to.replica;
}
