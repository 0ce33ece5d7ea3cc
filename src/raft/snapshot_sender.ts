/**
 * The sending end of a snapshot's transfer. An offer asks the follower how much it has; each answer names
 * the offset of the next chunk, of which one is under way at a time. What is lost on the way is found by
 * time: after two heartbeats without progress the snapshot is offered again, and the transfer goes on
 * where the follower is.
 */
import { isSameSnapshot, type SnapshotMeta, transferBytes } from "./entry.ts";
import type { SnapshotAnswer } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { SnapshotRead } from "./ready.ts";
import type { ReplicaState } from "./replica_state.ts";

/** Where a transfer to one follower is. */
export interface Transfer {
  readonly snapshot: SnapshotMeta;
  /** `due`: to be offered. `reading`: the driver reads the next chunk. Else an answer is awaited. */
  stage: "due" | "offered" | "reading" | "sent";
  offsetBytes: number;
  /** When something last happened. */
  tick: number;
}

export class SnapshotSender {
  readonly #state: ReplicaState;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  begin(progress: Progress, snapshot: SnapshotMeta): void {
    const tick = this.#state.ticks;
    progress.becomeSnapshot({ snapshot, stage: "due", offsetBytes: 0, tick });
  }

  /** Sends the offer, if it is due. */
  advance({ replica, transfer }: Progress): void {
    if (transfer?.stage !== "due") return;
    this.#state.send(replica, { kind: "snapshotOffer", snapshot: transfer.snapshot });
    transfer.stage = "offered";
    transfer.tick = this.#state.ticks;
  }

  onAnswer(progress: Progress, answer: SnapshotAnswer): void {
    const { transfer } = progress;
    if (transfer === null || !isAbout(answer, transfer.snapshot)) return;
    if (answer.refused) return progress.becomeProbe(progress.matchIndex + 1);
    const isNew = transfer.stage === "offered" ||
      (transfer.stage === "sent" && answer.nextOffsetBytes > transfer.offsetBytes);
    if (!isNew || answer.nextOffsetBytes >= transferBytes(transfer.snapshot)) return;
    transfer.stage = "reading";
    transfer.offsetBytes = answer.nextOffsetBytes;
    transfer.tick = this.#state.ticks;
    this.#state.outbox.snapshotReads.push({
      peer: progress.replica.peer,
      snapshot: transfer.snapshot,
      offsetBytes: transfer.offsetBytes,
      bytesMax: this.#state.options.snapshotChunkBytesMax,
    });
  }

  /** The driver's answer to a read. See `RaftCore.snapshotRead`. */
  onRead(progress: Progress, read: SnapshotRead, bytes: Uint8Array | null): void {
    const { transfer } = progress;
    if (transfer?.stage !== "reading" || !isSameSnapshot(transfer.snapshot, read.snapshot)) return;
    if (transfer.offsetBytes !== read.offsetBytes) return;
    if (bytes === null) return progress.becomeProbe(progress.matchIndex + 1);
    const { snapshot, offsetBytes } = transfer;
    this.#state.send(progress.replica, { kind: "snapshotChunk", snapshot, offsetBytes, bytes });
    transfer.stage = "sent";
    transfer.tick = this.#state.ticks;
  }

  /** The follower is alive: if its transfer stands still, something was lost. */
  lookForLoss({ transfer }: Progress): void {
    if (transfer === null || transfer.stage === "reading") return;
    const patience = 2 * this.#state.options.heartbeatTicks;
    if (this.#state.ticks - transfer.tick >= patience) transfer.stage = "due";
  }
}

function isAbout(answer: SnapshotAnswer, snapshot: SnapshotMeta): boolean {
  return answer.index === snapshot.index && answer.snapshotTerm === snapshot.term &&
    answer.checksum === snapshot.checksum;
}
