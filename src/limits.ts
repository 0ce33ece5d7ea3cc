/**
 * Every bound of the program in one place, with the relations between them asserted when it loads.
 * Units come last in the names. What is past a bound gets a clear error or back-pressure, never a crash.
 */
import { assert } from "./assert.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Raft: bytes of entries in one AppendEntries message. */
  appendBytesMax: 1 * MIB,
  /** Raft: AppendEntries messages to one follower that are not answered yet. */
  inflightMessagesMax: 256,
  /** Raft: bytes of entries to one follower that are not answered yet. */
  inflightBytesMax: 16 * MIB,
  /** Raft: bytes of proposals that are not committed yet; past it proposals are refused. */
  uncommittedBytesMax: 64 * MIB,
  /** Raft: bytes of committed entries handed to the caller in one Ready. */
  applyBytesMax: 8 * MIB,
  /** Raft: bytes of applied entries that a group keeps in memory for followers that lag a little. */
  logMemoryBytesMax: 2 * MIB,
  /** Raft: reads that wait for one ReadIndex round. */
  pendingReadsMax: 65_536,
  /** Raft: one chunk of a snapshot on its way to a follower. */
  snapshotChunkBytesMax: 1 * MIB,
  /** Raft: voters and learners of one group. */
  replicasMax: 64,

  /** Storage: one segment of the log. */
  segmentBytesMax: 64 * MIB,
  /** Storage: kept free on disk for opening and compaction when the disk is full. */
  reserveBytes: 64 * MIB,
  /** Storage: one record; larger lengths on disk are corruption. */
  recordBytesMax: 16 * MIB,
  /** Storage: bytes that wait for the write in flight; past it `append` is refused. */
  pendingWriteBytesMax: 256 * MIB,
  /** Storage: one file of values; the next one begins where a value would not fit. */
  valueFileBytesMax: 16 * MIB,
  /** Storage: value files that one snapshot names. */
  valueFilesMax: 4_096,
  /** Storage: values that wait to be written; past it, who reads a log to apply it waits. */
  pendingValueBytesMax: 16 * MIB,

  /** Net: one frame between peers (`--max-frame`). */
  frameBytesMax: 8 * MIB,
  /** Net: what an unauthenticated connection may send. */
  handshakeBytesMax: 4 * KIB,
  handshakeTimeoutMs: 5_000,
  /** Net: connections that are not authenticated yet. */
  handshakesMax: 256,
  /** Net: bytes waiting to be sent to one peer; past it messages are dropped and requests refused. */
  sendQueueBytesMax: 32 * MIB,
  /** Net: requests to one peer without an answer yet. */
  peerRequestsMax: 16_384,

  /** Groups: of one cluster, the system group included; a message for any further one begins nothing. */
  groupsMax: 4_096,
  /** Groups: an entry's payload. */
  commandBytesMax: 2 * MIB,
  /** Groups: proposals that wait for their outcome at one peer. */
  pendingProposalsMax: 65_536,
  /** Groups: their bytes; past it no further one is taken, whatever its size. */
  pendingProposalBytesMax: 64 * MIB,
  /** Groups: messages, events, or names of them, that callers have in one entry together. */
  sharedCommandMax: 1_000,
  /** Groups: remembered request ids and answers of one group. */
  requestTableBytesMax: 64 * MIB,
  /** Groups: sequences one session may have open. */
  sessionOpenMax: 1_024,
  /** Groups: group time for which an answered request id is remembered. */
  requestKeepMs: 60_000,

  /** Locks: bounds of what a caller may ask for. */
  lockWaitMaxMs: 3_600_000,
  lockTtlMinMs: 100,
  lockTtlMaxMs: 86_400_000,
  nameBytesMax: 512,
  /** Locks: shared holders of one resource; past it 429. */
  lockHoldersMax: 10_000,
  /** Locks: waiters of one resource, and of all; past it 429. */
  lockWaitersMax: 10_000,
  lockWaitersTotalMax: 100_000,
  /** Locks: grants held at once; past it 429. */
  lockGrantsMax: 1_000_000,

  /** Queue: messages of one batch, and deliveries that one command asks for or settles. */
  queueBatchMax: 1_000,
  /** Queue: lanes of one topic. */
  queueLanesMax: 256,
  /** Queue: lanes of all topics in one partition; past it 429. */
  queuePartitionLanesMax: 16_384,
  /** Queue: bounds of what a caller may ask for. */
  queueVisibilityMinMs: 100,
  queueVisibilityMaxMs: 43_200_000,
  queueDelayMaxMs: 2_592_000_000,
  queueWaitMaxMs: 3_600_000,
  queueTtlMinMs: 100,
  queueTtlMaxMs: 2_592_000_000,
  queueAttemptsMax: 1_000_000,
  queueDedupWindowMaxMs: 86_400_000,
  queueBackoffsMax: 64,
  queueReasonLengthMax: 512,
  /** Queue: consumers that wait for one lane, and of all lanes at the peer that leads them; past it 429. */
  queueWaitersMax: 10_000,
  queueWaitersTotalMax: 100_000,
  /** Queue: dead letters put back a second, where a rate is asked for. */
  queueRequeueRateMax: 1_000_000,
  /** Queue: messages that one entry purges or puts back; the service repeats it. */
  queueSliceMax: 10_000,

  /** Events: of one batch, and of one page. */
  eventBatchMax: 10_000,
  eventPageMax: 10_000,
  /** Events: bytes of one page; its first event is there whatever its size. */
  eventPageBytesMax: 1 * MIB,
  /** Events: topics of one partition; past it 429. */
  eventPartitionTopicsMax: 16_384,
  /** Events: a timestamp as it was given. */
  eventTimestampLengthMax: 64,
  /** Events: batches, and pages of ids, that one entry takes away; the service repeats it. */
  eventTrimMax: 10_000,
  /** Events: streams without an end that are open at one peer; past it 429. */
  eventTailsMax: 10_000,
  /** Events: bodies that one peer writes as they are read, streams and whole topics; each holds a page. Past it 429. */
  eventStreamsMax: 1_000,

  /** Cache: values up to this size lie in a partition's state, larger ones in value files. */
  cacheInlineBytesMax: 1 * KIB,
  /** Cache: write-backs of one entry of the log. */
  cacheBatchMax: 1_000,
  /** Cache: bounds of what a caller may ask for. */
  cacheTtlMinMs: 100,
  cacheTtlMaxMs: 86_400_000,
  cacheWaitMaxMs: 3_600_000,
  /** Cache: keys of one partition, and bytes of their values; past it a home lets nobody write further keys: 429. */
  cachePartitionKeysMax: 1_000_000,
  cachePartitionBytesMax: 1024 * MIB,
  /** Cache: bytes past which it lets nobody write the keys that are there either, since their values grow. */
  cachePartitionBytesOverMax: 2048 * MIB,
  /** Cache: removals of one partition that are remembered, and how long. */
  cacheRemovalsMax: 100_000,
  cacheRemovalKeepMs: 30_000,
  /** Cache: keys whose time is over that one entry clears away. */
  cacheClearedEachEntry: 1_000,
  /** Cache: reads and writes that wait for lines at one peer; past it 429. */
  cacheWaitersMax: 100_000,
  /** Cache: lines that one peer gave up and that are not confirmed, and their bytes; past it, it asks for no further one. */
  cacheOwedMax: 10_000,
  cacheOwedBytesMax: 64 * MIB,
  /** Cache: keys of which one home knows holders; past it, the ones that were asked for least lately are recalled. */
  cacheDirectoryMax: 262_144,
  /** Cache: asks and tasks of one key that wait at its home; past it they are dropped, or 429. */
  cacheKeyJobsMax: 4_096,
  /** Cache: removals, invalidations and writes that wait at one home; past it 429. */
  cacheHomeJobsMax: 10_000,
  /** Cache: fill tokens of one home, and callers that wait for them; past it 429. */
  cacheFillTokensMax: 10_000,
  cacheFillWaitersMax: 100_000,
  /** Cache in front of a Redis: keys of which one home knows the value, and their bytes. */
  cacheFrontKeysMax: 262_144,
  cacheFrontBytesMax: 64 * MIB,
  /** Cache: peers that may hold lines of one partition. */
  cacheHoldersMax: 1_024,

  /** HTTP: a request's body (`--max-body`), and how deep its JSON may be nested. */
  bodyBytesMax: 1 * MIB,
  bodyDepthMax: 64,
  /** HTTP: open connections of one listener. */
  httpConnectionsMax: 8_192,
  httpHeadersTimeoutMs: 10_000,

  /** Ring: a key that is looked up; no name is longer, and no key of the cache. */
  ringKeyBytesMax: 1_024,

  /** Members of one cluster. */
  membersMax: 64,
  /** Members: replicas of all partitions (P × R) that a cluster is formed with: its plan names each. */
  firstReplicasMax: 32_768,
} as const;

assert(LIMITS.appendBytesMax < LIMITS.frameBytesMax, "an AppendEntries message must fit a frame");
assert(LIMITS.snapshotChunkBytesMax < LIMITS.frameBytesMax, "a snapshot chunk must fit a frame");
assert(LIMITS.commandBytesMax < LIMITS.recordBytesMax, "a command must fit a record of the log");
assert(
  LIMITS.appendBytesMax + LIMITS.commandBytesMax < LIMITS.frameBytesMax,
  "a batch that ends with the largest command must fit a frame",
);
assert(LIMITS.bodyBytesMax < LIMITS.commandBytesMax, "a request's body must fit a command");
assert(LIMITS.recordBytesMax < LIMITS.segmentBytesMax, "a record must fit a segment");
assert(LIMITS.appendBytesMax <= LIMITS.inflightBytesMax, "one message must fit the window");
assert(
  LIMITS.sharedCommandMax <= LIMITS.queueBatchMax,
  "what callers share is a batch of the queue",
);
assert(LIMITS.sharedCommandMax <= LIMITS.eventBatchMax, "what callers share is a batch of events");
assert(LIMITS.eventStreamsMax <= LIMITS.eventTailsMax, "a stream that is let in gets its tail");
assert(LIMITS.membersMax <= LIMITS.cacheHoldersMax, "every member may hold lines");
assert(LIMITS.nameBytesMax <= LIMITS.ringKeyBytesMax, "every topic can be looked up on the ring");
