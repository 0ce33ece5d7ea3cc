/**
 * The cache's messages on their way: to the homes of partitions, and to the lines of peers. What goes to one peer in one
 * turn of the event loop travels together, in as few frames as it fits in, and in order. All may be lost: leases and
 * deadlines meet that. What goes to this peer itself is delivered at once, first in first out, and never while
 * another message is being delivered here; it meets no codec.
 */
import type { Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { decodeMessage, encodeMessage } from "./message_codec.ts";
import { messageBytes } from "./message_size.ts";
import type { CacheMessage, HomeMessage, PeerMessage, RenewMessage } from "./messages.ts";

/** The topic of the cache's messages on the transport. */
export const CACHE_TOPIC = "cache";

/** A frame that has so much takes nothing more. One message is smaller than the smallest frame. */
const FRAME_BYTES_AIM = 1024 * 1024;

export interface PostEdges {
  readonly self: PeerId;
  readonly transport: Pick<Transport, "send">;
  /** Who leads a partition, as far as this peer knows. */
  leaderOf(partition: number): PeerId | null;
}

export interface PostReceivers {
  /** A message for homes at this peer. */
  home(from: PeerId, message: PeerMessage): void;
  /** A message for lines of this peer. */
  lines(from: PeerId, message: HomeMessage): void;
}

/** All that goes to the home of one partition. */
export type PartitionMessage = Exclude<PeerMessage, RenewMessage>;

export class CachePost {
  readonly #edges: PostEdges;
  #receivers: PostReceivers | null = null;
  readonly #outgoing = new Map<PeerId, CacheMessage[]>();
  #flushScheduled = false;
  #local: CacheMessage[] = [];
  #delivering = false;
  #closed = false;
  #sent = 0;
  #received = 0;
  #malformed = 0;

  constructor(edges: PostEdges) {
    this.#edges = edges;
  }

  /** From now on there is somebody who receives; what came before is lost. */
  begin(receivers: PostReceivers): void {
    this.#receivers = receivers;
  }

  /** Messages to other peers so far, delivered or not. */
  get sent(): number {
    return this.#sent;
  }

  /** Messages of other peers so far. */
  get received(): number {
    return this.#received;
  }

  /** What came and was none. */
  get malformed(): number {
    return this.#malformed;
  }

  /**
   * To the home of the message's partition. Lost where nobody is known to be that.
   * @param home who spoke as the home of the message's term; null: whoever leads the partition
   */
  toHome(message: PartitionMessage, home: PeerId | null = null): void {
    const leader = home ?? this.#edges.leaderOf(message.partition);
    if (leader !== null) this.#add(leader, message);
  }

  /** To all homes at a peer. */
  renew(peer: PeerId, message: RenewMessage): void {
    this.#add(peer, message);
  }

  /** To the lines of a peer. */
  toPeer(peer: PeerId, message: HomeMessage): void {
    this.#add(peer, message);
  }

  #add(to: PeerId, message: CacheMessage): void {
    if (this.#closed) return;
    if (to === this.#edges.self) {
      this.#local.push(message);
      return this.#deliverLocal();
    }
    this.#sent++;
    const others = this.#outgoing.get(to);
    if (others === undefined) this.#outgoing.set(to, [message]);
    else others.push(message);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  /** What is sent to this peer itself meanwhile is delivered afterwards. */
  together(work: () => void): void {
    if (this.#delivering) return work();
    this.#delivering = true;
    try {
      work();
    } finally {
      this.#delivering = false;
    }
    this.#deliverLocal();
  }

  #deliverLocal(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      while (this.#local.length > 0) {
        const messages = this.#local;
        this.#local = [];
        for (const message of messages) this.#deliver(this.#edges.self, message);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #flush(): void {
    this.#flushScheduled = false;
    const outgoing = [...this.#outgoing];
    this.#outgoing.clear();
    for (const [peer, messages] of outgoing) this.#send(peer, messages);
  }

  #send(peer: PeerId, messages: readonly CacheMessage[]): void {
    let frame: unknown[] = [];
    let sizeBytes = 0;
    for (const message of messages) {
      const bytes = messageBytes(message);
      if (frame.length > 0 && sizeBytes + bytes > FRAME_BYTES_AIM) {
        this.#edges.transport.send(peer, CACHE_TOPIC, frame);
        [frame, sizeBytes] = [[], 0];
      }
      frame.push(encodeMessage(message));
      sizeBytes += bytes;
    }
    this.#edges.transport.send(peer, CACHE_TOPIC, frame);
  }

  /** A frame of another peer. What is malformed in it is counted, and nothing comes of it. */
  receive(from: PeerId, body: unknown): void {
    if (this.#closed || this.#receivers === null) return;
    if (!Array.isArray(body)) return void this.#malformed++;
    for (const fields of body) {
      const message = decodeMessage(fields);
      if (message === null) {
        this.#malformed++;
        continue;
      }
      this.#received++;
      // What it causes here comes behind it, and before the next one.
      this.together(() => this.#deliver(from, message));
    }
  }

  #deliver(from: PeerId, message: CacheMessage): void {
    const receivers = this.#receivers;
    if (this.#closed || receivers === null) return;
    switch (message.kind) {
      case "report":
      case "renew":
      case "ask":
      case "acknowledge":
      case "writeBack":
      case "dropped":
        return receivers.home(from, message);
      default:
        return receivers.lines(from, message);
    }
  }

  /** Nothing is sent or delivered any more; what waits to be sent still goes. */
  close(): void {
    this.#closed = true;
    this.#local = [];
  }
}
