/**
 * Messages of all groups on their way out, gathered during one turn of the host and sent as few frames:
 * one a receiver, or more where they would be too large for one.
 */
import { entryBytes, type PeerId } from "../raft/entry.ts";
import type { Transport } from "../net/transport.ts";
import { encodeGroupMessage, type GroupMessage } from "./wire.ts";

/** The topic of Raft messages on the transport. */
export const RAFT_TOPIC = "raft";

const FRAME_BYTES_AIM = 2 * 1024 * 1024;
const MESSAGE_OVERHEAD_BYTES = 64;

export class Outbox {
  readonly #byPeer = new Map<PeerId, GroupMessage[]>();

  add(message: GroupMessage): void {
    const peer = message.envelope.to.peer;
    const others = this.#byPeer.get(peer);
    if (others === undefined) this.#byPeer.set(peer, [message]);
    else others.push(message);
  }

  /** Hands everything to the transport. What it drops is lost, and Raft sends it again. */
  flush(transport: Transport): void {
    for (const [peer, messages] of this.#byPeer) {
      let frame: unknown[] = [];
      let sizeBytes = 0;
      for (const message of messages) {
        const messageBytes = sizeOf(message);
        if (frame.length > 0 && sizeBytes + messageBytes > FRAME_BYTES_AIM) {
          transport.send(peer, RAFT_TOPIC, frame);
          frame = [];
          sizeBytes = 0;
        }
        frame.push(encodeGroupMessage(message));
        sizeBytes += messageBytes;
      }
      transport.send(peer, RAFT_TOPIC, frame);
    }
    this.#byPeer.clear();
  }
}

function sizeOf({ envelope: { body } }: GroupMessage): number {
  if (body.kind === "snapshotChunk") return body.bytes.length + MESSAGE_OVERHEAD_BYTES;
  if (body.kind !== "append") return MESSAGE_OVERHEAD_BYTES;
  let sizeBytes = MESSAGE_OVERHEAD_BYTES;
  for (const entry of body.entries) sizeBytes += entryBytes(entry);
  return sizeBytes;
}
