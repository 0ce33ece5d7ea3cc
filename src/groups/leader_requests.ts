/**
 * What one peer may ask of another that leads a group, and how it is asked: msgpack arrays as requests of
 * the transport. The answering side is `peer_requests.ts`; proposals go by `forwarder.ts`.
 */
import { SkeinError } from "../errors.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { errorOfPeer, outcomeUnknown } from "./group_errors.ts";

/** `[group]` → the index at which a read is linearizable. */
export const READ_METHOD = "group.read";
/** `[group, expectedIndex, [[kind, peer], …], timeoutMs]` → null once it is committed. */
export const CONFIGURE_METHOD = "group.configure";
/** `[group, peer, timeoutMs]` → null once that peer leads. */
export const TRANSFER_METHOD = "group.transfer";

/**
 * Asks another peer for something that changes its group.
 * @throws {SkeinError} by rejection: NO_LEADER where it was never asked or does not lead, OUTCOME_UNKNOWN
 * where it may have heard, else what it refused with
 */
export async function askLeader(
  transport: Pick<Transport, "request">,
  leader: PeerId,
  method: string,
  body: unknown,
  timeoutMs: number,
): Promise<void> {
  try {
    await transport.request(leader, method, body, timeoutMs);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (error.reason === "unreachable") throw new SkeinError("NO_LEADER", error.message);
    if (error.reason !== "refused") throw outcomeUnknown(error.message);
    if (error.code === "NOT_LEADER") throw new SkeinError("NO_LEADER", error.message);
    throw errorOfPeer(error);
  }
}
