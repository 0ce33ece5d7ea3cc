/**
 * The receiving end of a snapshot's transfer: one part at a time goes to the driver, which says how much
 * is stored; that offset is the answer to the leader. Once all is stored and verified the snapshot takes
 * the place of the log, and is acknowledged when its reference is durable. It outlives roles and terms,
 * since what the driver is still writing does.
 */
import { isSameSnapshot, type Replica, type SnapshotMeta, transferBytes } from "./entry.ts";
import type { SnapshotChunk, SnapshotOffer } from "./message.ts";
import type { ReplicaState } from "./replica_state.ts";

const NO_BYTES = new Uint8Array(0);

interface Incoming {
  readonly snapshot: SnapshotMeta;
  /** Who is answered: whoever offered it last. */
  from: Replica;
  /** The driver has a part of it that it has not answered yet. */
  busy: boolean;
}

export class SnapshotReceiver {
  readonly #state: ReplicaState;
  #incoming: Incoming | null = null;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  onOffer(from: Replica, { snapshot }: SnapshotOffer): void {
    if (this.#acknowledgeKnown(from, snapshot)) return;
    this.#begin(from, snapshot);
  }

  onChunk(from: Replica, { snapshot, offsetBytes, bytes }: SnapshotChunk): void {
    if (this.#acknowledgeKnown(from, snapshot)) return;
    const incoming = this.#incoming;
    // After a restart nothing is known of the transfer that the chunk belongs to: ask what is stored.
    if (incoming === null || !isSameSnapshot(incoming.snapshot, snapshot)) {
      return this.#begin(from, snapshot);
    }
    incoming.from = from;
    if (incoming.busy) return;
    incoming.busy = true;
    this.#state.outbox.snapshotChunks.push({ snapshot, offsetBytes, bytes });
  }

  /** The driver's answer to a part. See `RaftCore.snapshotStored`. */
  onStored(snapshot: SnapshotMeta, nextOffsetBytes: number | null): void {
    const incoming = this.#incoming;
    if (incoming === null || !isSameSnapshot(incoming.snapshot, snapshot)) return;
    incoming.busy = false;
    const complete = nextOffsetBytes !== null && nextOffsetBytes >= transferBytes(snapshot);
    if (complete || nextOffsetBytes === null) this.#incoming = null;
    // Whoever offered it leads no more: a new leader's offer will find what is stored.
    if (this.#state.leader !== incoming.from.peer) return;
    if (!complete) return this.#answer(incoming.from, snapshot, nextOffsetBytes);
    if (this.#acknowledgeKnown(incoming.from, snapshot)) return;
    this.#state.restore(snapshot);
    this.#acknowledge(incoming.from, snapshot.index);
  }

  #begin(from: Replica, snapshot: SnapshotMeta): void {
    if (this.#incoming !== null && isSameSnapshot(this.#incoming.snapshot, snapshot)) {
      this.#incoming.from = from;
      if (this.#incoming.busy) return;
    }
    this.#incoming = { snapshot, from, busy: true };
    this.#state.outbox.snapshotChunks.push({ snapshot, offsetBytes: 0, bytes: NO_BYTES });
  }

  /** A snapshot that brings nothing new needs no bytes. */
  #acknowledgeKnown(from: Replica, snapshot: SnapshotMeta): boolean {
    const { log } = this.#state;
    if (log.term(snapshot.index) === snapshot.term) log.commitTo(snapshot.index);
    if (snapshot.index > log.commitIndex) return false;
    this.#incoming = null;
    this.#acknowledge(from, log.commitIndex);
    return true;
  }

  #acknowledge(to: Replica, index: number): void {
    const hint = { hintIndex: 0, hintTerm: 0 };
    this.#state.promise(to, { kind: "appendAnswer", accepted: true, index, ...hint });
  }

  #answer(to: Replica, snapshot: SnapshotMeta, nextOffsetBytes: number | null): void {
    this.#state.send(to, {
      kind: "snapshotAnswer",
      index: snapshot.index,
      snapshotTerm: snapshot.term,
      checksum: snapshot.checksum,
      nextOffsetBytes: nextOffsetBytes ?? 0,
      refused: nextOffsetBytes === null,
    });
  }
}
