/**
 * How much of what small publishes and acknowledgements ask of one lane goes together in one entry, and how much of
 * it may wait at this peer before more is refused.
 */
import type { GathererLimits } from "../groups/gatherer.ts";
import { LIMITS } from "../limits.ts";

/** Of messages, or names of them, on their way to lanes. */
export const GATHERED: Omit<GathererLimits, "waitingMsMax"> = {
  weightMax: LIMITS.queueBatchMax,
  bytesMax: LIMITS.appendBytesMax,
  waitingWeightMax: LIMITS.pendingProposalsMax,
  waitingBytesMax: LIMITS.pendingProposalBytesMax,
};
