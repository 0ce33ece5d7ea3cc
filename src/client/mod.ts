/**
 * The door of the client: what programs, the command line and tests import. It needs nothing but
 * `fetch`, and of the rest of Skein only its errors.
 */
export {
  type AddMemberOptions,
  type ClientOptions,
  type DrainMemberOptions,
  type RemoveMemberOptions,
  type RingKeyOptions,
  SkeinClient,
} from "./client.ts";
export type {
  AcquireOptions,
  CallOptions,
  HeldLock,
  LockClient,
  LockGrant,
  ReadOptions,
  WriteOptions,
} from "./lock_client.ts";
export type {
  ConsumeOptions,
  DeadOptions,
  DeliveryName,
  MessageOptions,
  NackOptions,
  PublishItem,
  QueueClient,
  RequeueOptions,
} from "./queue_client.ts";
export type { CacheClient, GetOptions, PutOptions } from "./cache_client.ts";
export type {
  EventClient,
  PageOptions,
  PublishEventsOptions,
  ReadEventsOptions,
  StreamOptions,
} from "./event_client.ts";
export type {
  EventPageAnswer,
  EventStatsAnswer,
  EventToPublish,
  LoggedEvent,
  PublishedEvent,
} from "./event_answers.ts";
export type { CacheRead, CacheWritten, PeerCacheStats } from "./cache_answers.ts";
export type { DeadLetter, Delivery, Published, SettleResult } from "./queue_answers.ts";
export type {
  AddedAnswer,
  ClusterAnswer,
  ConnectionAnswer,
  GroupSummary,
  HealthAnswer,
  MoveAnswer,
  PlacementAnswer,
  RaftFollower,
  RaftState,
  SelfAnswer,
  SnapshotAnswer,
  UnavailableAnswer,
} from "./answers.ts";
export type {
  PartitionAnswer,
  PlacedPeer,
  RingAnswer,
  RingKeyAnswer,
  RingPeerAnswer,
} from "./ring_answers.ts";
export type { PartitionedKind } from "../ring/partition_of.ts";
export type { CacheStats, KeyHolder, KeyView, LineLetter } from "../cache/cache.ts";
export type { EventStats, EventTopic } from "../events/events.ts";
export type { TopicOptions, TopicTotals, TopicView } from "../queue/queue.ts";
export type { HolderView, LockMode, LockView, WaiterView, WaitForEdge } from "../locks/locks.ts";
export { type ErrorCode, SkeinError } from "../errors.ts";
