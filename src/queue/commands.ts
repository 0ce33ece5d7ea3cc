/**
 * The commands of the queue's machine, and their form in an envelope: arrays that begin with an operation number.
 * The form is in every log, so numbers and places never change; new fields come at the end. Decoding checks
 * everything: what another version, or a faulty peer, proposed is invalid on every replica alike, and never reaches
 * the rules.
 *
 * Where a command names deliveries, a receipt that is none at all is `{ number: 0, delivery: 0 }`, which nothing has.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../limits.ts";
import { isMessageId, isTopicName } from "./name_rules.ts";
import type { Receipt } from "./message_names.ts";
import { decodeItems, encodeItems, type PackedItems } from "./published_items.ts";
import {
  decodeChanges,
  decodeSettings,
  encodeChanges,
  encodeSettings,
  isWithin,
  type TopicChanges,
  type TopicSettings,
} from "./topic_options.ts";

export interface LaneName {
  readonly topic: string;
  readonly lane: number;
}

/** A lane that comes to be with the command where it is not there yet. */
export interface LaneAddress extends LaneName {
  /** How many lanes the sender takes the topic to have; another number than the home's is refused. */
  readonly lanes: number;
  /** What a lane other than 0 begins with, or adopts where it is newer; null at lane 0, or where it should be there. */
  readonly settings: TopicSettings | null;
}

/** Of one lane. They come with the command, so that peers with other settings apply it alike. */
export interface PublishBounds {
  readonly messagesMax: number;
  /** Of bodies and ids. */
  readonly bytesMax: number;
  /** Ids in the deduplication window. */
  readonly dedupMax: number;
}

export interface PublishCommand extends LaneAddress {
  readonly kind: "publish";
  readonly bounds: PublishBounds;
  readonly items: PackedItems;
}

export interface DeliverCommand extends LaneAddress {
  readonly kind: "deliver";
  /** Null: anonymous. */
  readonly consumer: string | null;
  readonly max: number;
  /** Of bodies; the first message is delivered whatever its size. */
  readonly bytesMax: number;
  /** Null: the topic's. */
  readonly visibilityMs: number | null;
}

/** The delivery that is meant: by receipt, by id alone (then the current one), or by both. */
export interface DeliveryRef {
  readonly id: string | null;
  readonly receipt: Receipt | null;
}

interface SettleCommand extends LaneName {
  readonly deliveries: readonly DeliveryRef[];
}

export interface AcknowledgeCommand extends SettleCommand {
  readonly kind: "acknowledge";
}

export interface RefuseCommand extends SettleCommand {
  readonly kind: "refuse";
  /** Null: the topic's back-off. */
  readonly delayMs: number | null;
  readonly reason: string | null;
}

/** Nobody received these deliveries: as if they had not been, but that their receipts are used up. */
export interface HandBackCommand extends SettleCommand {
  readonly kind: "handBack";
}

export interface ExtendCommand extends SettleCommand {
  readonly kind: "extend";
  /** Null: the topic's. */
  readonly visibilityMs: number | null;
}

/** For lane 0. */
export interface ConfigureCommand {
  readonly kind: "configure";
  readonly topic: string;
  readonly changes: TopicChanges;
}

/** For the other lanes, after the home was configured. */
export interface AdoptCommand extends LaneName {
  readonly kind: "adopt";
  readonly settings: TopicSettings;
}

export interface RequeueCommand extends LaneName {
  readonly kind: "requeue";
  /** Null: those that died first. */
  readonly ids: readonly string[] | null;
  readonly max: number;
}

export interface PurgeCommand extends LaneName {
  readonly kind: "purge";
  readonly what: "ready" | "dead" | "all";
  readonly max: number;
}

export type QueueCommand =
  | PublishCommand
  | DeliverCommand
  | AcknowledgeCommand
  | RefuseCommand
  | HandBackCommand
  | ExtendCommand
  | ConfigureCommand
  | AdoptCommand
  | RequeueCommand
  | PurgeCommand;

const OPERATION = {
  publish: 1,
  deliver: 2,
  acknowledge: 3,
  refuse: 4,
  handBack: 5,
  extend: 6,
  configure: 7,
  adopt: 8,
  requeue: 9,
  purge: 10,
} as const;

const PURGED = ["ready", "dead", "all"] as const;

/** @returns the body of an envelope, which `decodeQueueCommand` reads */
export function encodeQueueCommand(command: QueueCommand): readonly unknown[] {
  const operation = OPERATION[command.kind];
  const { topic } = command;
  switch (command.kind) {
    case "publish": {
      const { messagesMax, bytesMax, dedupMax } = command.bounds;
      const bounds = [messagesMax, bytesMax, dedupMax];
      return [operation, ...addressFields(command), bounds, encodeItems(command.items)];
    }
    case "deliver": {
      const { consumer, max, bytesMax, visibilityMs } = command;
      return [operation, ...addressFields(command), consumer, max, bytesMax, visibilityMs];
    }
    case "acknowledge":
    case "handBack":
      return [operation, topic, command.lane, ...deliveryFields(command.deliveries)];
    case "refuse": {
      const { lane, deliveries, delayMs, reason } = command;
      return [operation, topic, lane, ...deliveryFields(deliveries), delayMs, reason];
    }
    case "extend": {
      const { lane, deliveries, visibilityMs } = command;
      return [operation, topic, lane, ...deliveryFields(deliveries), visibilityMs];
    }
    case "configure":
      return [operation, topic, encodeChanges(command.changes)];
    case "adopt":
      return [operation, topic, command.lane, encodeSettings(command.settings)];
    case "requeue":
      return [operation, topic, command.lane, command.ids, command.max];
    case "purge":
      return [operation, topic, command.lane, PURGED.indexOf(command.what), command.max];
  }
}

function addressFields({ topic, lane, lanes, settings }: LaneAddress): readonly unknown[] {
  return [topic, lane, lanes, settings === null ? null : encodeSettings(settings)];
}

/** `[receipts, ids]`: two numbers a receipt, null where there is none; ids are null where no delivery has one. */
function deliveryFields(deliveries: readonly DeliveryRef[]): readonly unknown[] {
  const receipts: (number | null)[] = [];
  for (const { receipt } of deliveries) {
    receipts.push(receipt?.number ?? null, receipt?.delivery ?? null);
  }
  const hasIds = deliveries.some(({ id }) => id !== null);
  return [receipts, hasIds ? deliveries.map(({ id }) => id) : null];
}

/** @returns null for what this version does not know, or what is out of its bounds */
export function decodeQueueCommand(body: unknown): QueueCommand | null {
  if (!Array.isArray(body) || !isTopicName(body[1])) return null;
  switch (body[0]) {
    case OPERATION.publish:
      return decodePublish(body);
    case OPERATION.deliver:
      return decodeDeliver(body);
    case OPERATION.acknowledge:
      return decodeSettle(body, "acknowledge");
    case OPERATION.handBack:
      return decodeSettle(body, "handBack");
    case OPERATION.refuse:
      return decodeRefuse(body);
    case OPERATION.extend:
      return decodeExtend(body);
    case OPERATION.configure: {
      const changes = decodeChanges(body[2]);
      return changes === undefined ? null : { kind: "configure", topic: body[1], changes };
    }
    case OPERATION.adopt:
      return decodeAdopt(body);
    case OPERATION.requeue:
      return decodeRequeue(body);
    case OPERATION.purge:
      return decodePurge(body);
    default:
      return null;
  }
}

type Fields = readonly unknown[];

function decodePublish([, topic, lane, lanes, settings, bounds, columns]: Fields) {
  const address = decodeAddress(topic, lane, lanes, settings);
  const items = decodeItems(columns);
  if (address === null || items === null) return null;
  if (!Array.isArray(bounds) || !bounds.slice(0, 3).every(isCount)) return null;
  const [messagesMax, bytesMax, dedupMax] = bounds;
  if (dedupMax === undefined) return null;
  return {
    kind: "publish",
    ...address,
    bounds: { messagesMax, bytesMax, dedupMax },
    items,
  } as const;
}

function decodeDeliver(fields: Fields): DeliverCommand | null {
  const [, topic, lane, lanes, settings, consumer, max, bytesMax, visibilityMs] = fields;
  const address = decodeAddress(topic, lane, lanes, settings);
  if (address === null || (consumer !== null && !isTopicName(consumer))) return null;
  if (!isWithin(max, 1, LIMITS.queueBatchMax) || !isCount(bytesMax)) return null;
  if (!isVisibility(visibilityMs)) return null;
  return { kind: "deliver", ...address, consumer, max, bytesMax, visibilityMs };
}

function decodeAddress(
  topic: unknown,
  lane: unknown,
  lanes: unknown,
  fields: unknown,
): LaneAddress | null {
  if (!isTopicName(topic) || !isWithin(lanes, 1, LIMITS.queueLanesMax)) return null;
  if (!isWithin(lane, 0, lanes - 1)) return null;
  if (fields === null) return { topic, lane, lanes, settings: null };
  const settings = decodeSettings(fields);
  if (settings === undefined || lane === 0 || settings.options.lanes !== lanes) return null;
  return { topic, lane, lanes, settings };
}

function decodeLane(topic: unknown, lane: unknown): LaneName | null {
  if (!isTopicName(topic) || !isWithin(lane, 0, LIMITS.queueLanesMax - 1)) return null;
  return { topic, lane };
}

function decodeSettle([, topic, lane, receipts, ids]: Fields, kind: "acknowledge" | "handBack") {
  const name = decodeLane(topic, lane);
  const deliveries = decodeDeliveries(receipts, ids);
  return name === null || deliveries === null ? null : { kind, ...name, deliveries };
}

function decodeRefuse(fields: Fields): RefuseCommand | null {
  const settle = decodeSettle(fields, "acknowledge");
  const [delayMs, reason] = fields.slice(5);
  if (settle === null) return null;
  if (delayMs !== null && !isWithin(delayMs, 0, LIMITS.queueDelayMaxMs)) return null;
  if (reason !== null && !isReason(reason)) return null;
  return { ...settle, kind: "refuse", delayMs, reason };
}

function decodeExtend(fields: Fields): ExtendCommand | null {
  const settle = decodeSettle(fields, "acknowledge");
  const visibilityMs = fields[5];
  if (settle === null || !isVisibility(visibilityMs)) return null;
  return { ...settle, kind: "extend", visibilityMs };
}

function decodeDeliveries(receipts: unknown, ids: unknown): readonly DeliveryRef[] | null {
  if (!Array.isArray(receipts) || receipts.length % 2 !== 0) return null;
  const count = receipts.length / 2;
  if (count < 1 || count > LIMITS.queueBatchMax) return null;
  if (ids !== null && !(Array.isArray(ids) && ids.length === count)) return null;
  const deliveries: DeliveryRef[] = [];
  for (let place = 0; place < count; place++) {
    const id: unknown = ids === null ? null : ids[place];
    const [number, delivery] = [receipts[2 * place], receipts[2 * place + 1]];
    if (id !== null && !isMessageId(id)) return null;
    if (number === null && delivery === null) {
      if (id === null) return null;
      deliveries.push({ id, receipt: null });
    } else if (isCount(number) && isCount(delivery)) {
      deliveries.push({ id, receipt: { number, delivery } });
    } else return null;
  }
  return deliveries;
}

function decodeAdopt([, topic, lane, fields]: Fields): AdoptCommand | null {
  const name = decodeLane(topic, lane);
  const settings = decodeSettings(fields);
  if (name === null || settings === undefined) return null;
  if (!isWithin(name.lane, 1, settings.options.lanes - 1)) return null;
  return { kind: "adopt", ...name, settings };
}

function decodeRequeue([, topic, lane, ids, max]: Fields): RequeueCommand | null {
  const name = decodeLane(topic, lane);
  if (name === null || !isSlice(max)) return null;
  if (ids === null) return { kind: "requeue", ...name, ids, max };
  if (!Array.isArray(ids) || ids.length > LIMITS.queueBatchMax || !ids.every(isMessageId)) {
    return null;
  }
  return { kind: "requeue", ...name, ids, max };
}

function decodePurge([, topic, lane, place, max]: Fields): PurgeCommand | null {
  const name = decodeLane(topic, lane);
  const what = typeof place === "number" ? PURGED[place] : undefined;
  if (name === null || what === undefined || !isSlice(max)) return null;
  return { kind: "purge", ...name, what, max };
}

function isVisibility(value: unknown): value is number | null {
  const { queueVisibilityMinMs, queueVisibilityMaxMs } = LIMITS;
  return value === null || isWithin(value, queueVisibilityMinMs, queueVisibilityMaxMs);
}

function isReason(value: unknown): value is string {
  return typeof value === "string" && value.length <= LIMITS.queueReasonLengthMax;
}

function isSlice(value: unknown): value is number {
  return isWithin(value, 1, LIMITS.queueSliceMax);
}

function isCount(value: unknown): value is number {
  return isWithin(value, 0, Number.MAX_SAFE_INTEGER);
}

/**
 * What makes a command the same request again: without what another peer, or a later attempt, may say otherwise
 * (bounds, the topic's settings, how much there is room for). Bodies count by their checksum, which is much cheaper
 * than their digest.
 */
export function identityOfQueueCommand(command: QueueCommand): unknown {
  if (command.kind === "deliver") {
    return [command.kind, command.topic, command.lane, command.consumer, command.visibilityMs];
  }
  if (command.kind === "purge") return [command.kind, command.topic, command.lane, command.what];
  if (command.kind === "requeue") return [command.kind, command.topic, command.lane, command.ids];
  if (command.kind !== "publish") return encodeQueueCommand(command);
  const { topic, lane, items } = command;
  const { count, sizes, ids, priorities, delays, ttls, bodies } = items;
  const checksums = [sizes, priorities, delays, ttls, bodies].map((column) =>
    column === null ? null : crc32(column)
  );
  return [command.kind, topic, lane, count, bodies.length, ids, checksums];
}
