/**
 * The numbers of the protocol in one place: those of the wire, those that bound what a stranger's packets can
 * cost, and the clocks of retransmission. Units come last in the names; packets are counted, not measured.
 */

export const BOUNDS = {
  /** Before the payload of every packet. */
  headerBytes: 20,
  /** Of IP and UDP before ours. */
  outerBytesV4: 28,
  outerBytesV6: 48,
  /** What every path is trusted to carry, and what none is asked to. Outer headers included. */
  mtuBaseBytes: 1_200,
  mtuMaxBytes: 1_500,
  mtuStepBytes: 32,
  /** Of one size, before it is held to be too large for the path. */
  mtuProbesMax: 3,
  paddingBytesMax: 255,

  /** What this end is ready to take and has not been read. */
  receiveWindowBytes: 4 * 1024 * 1024,
  /** Past it packets are dropped unacknowledged: only a peer that ignores the window gets here. */
  receiveBytesMax: 8 * 1024 * 1024,
  /** How far past the next expected packet another may lie. */
  earlyPacketsMax: 32_768,
  /** Packets sent, the first of which is not acknowledged. */
  sentPacketsMax: 16_384,
  sackBlocksMax: 50,
  /** Packets that one acknowledgement may wait for; it never waits past the turn. */
  packetsPerAckMax: 32,
  /** Of one stream; more leave when the turn is over. */
  packetsPerTurnMax: 48,
  /** Above it (and the window) a writer is asked to wait. */
  writeHighWaterBytes: 262_144,
  /** Bytes of an unordered message with its header: what the original reads at most. */
  messageBytesMax: 2_048,

  rtoFirstMs: 1_000,
  rtoMinMs: 1_000,
  rtoMaxMs: 30_000,
  /** A packet that meets one more ends the stream. */
  rtosMax: 6,
  /** Round trips above it and far from the usual are the sleep of a machine, not the path. */
  outlierMs: 5_000,
  rttMaxMs: 30_000,
  rttMinWindowMs: 300_000,
  tailProbeFirstMs: 1_000,
  /** Each twice as late as the one before, as long as nothing arrives. */
  tailProbesMax: 3,
  /**
   * A probe of the tail is never sooner. On a short path it would mostly meet a process that was held up; and a timer
   * that is due within the system's own tick makes each wait of the process dearer than the packet it waits for.
   */
  tailProbeMinMs: 10,
  /** What a lone packet's acknowledgement may be late by. */
  ackDelayMs: 2,
  /** A timer cannot tell less apart. */
  timerGrainMs: 1,

  /** How long a stream that is closed still answers a peer that missed the last packet, and how often. */
  lingerMs: 20_000,
  lingerAnswersMax: 16,
} as const;
