/**
 * What a consumer's peer and a lane's leader say to each other: the question for messages, its answer, and the word
 * that nobody waits any more. Questions are checked whole: what does not have its form costs its sender an error.
 */
import { malformed, unreadable } from "../groups/group_errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { DeliveredMessage } from "./answers.ts";
import type { LaneAddress } from "./commands.ts";
import { isTopicName } from "./name_rules.ts";
import { decodeSettings, encodeSettings, isWithin } from "./topic_options.ts";

export const CONSUME_METHOD = "queue.consume";
/** The body is the wait's id. */
export const CANCEL_METHOD = "queue.cancel";

export interface ConsumeQuestion {
  /** Names the wait in the cluster, for ever. */
  readonly wait: string;
  readonly address: LaneAddress;
  readonly consumer: string | null;
  readonly max: number;
  readonly visibilityMs: number | null;
  /** How long to wait at this leader. */
  readonly waitMs: number;
  /** How long the consumer has waited before: its place is among those who came then. */
  readonly waitedMs: number;
  /** Whether an empty answer must be sure: the consumer will be told so. */
  readonly last: boolean;
  /** The caller's, for this lane. */
  readonly request: RequestKey | null;
}

/** Empty where nothing was delivered. */
export interface ConsumeAnswer {
  readonly messages: readonly DeliveredMessage[];
  /** Of each message, as stored. */
  readonly bodies: readonly Uint8Array[];
  /** What to add to group time for milliseconds since 1970, by the leader's clock: a hint. */
  readonly wallOffsetMs: number;
}

export const NOTHING: ConsumeAnswer = { messages: [], bodies: [], wallOffsetMs: 0 };

export function encodeQuestion(question: ConsumeQuestion): readonly unknown[] {
  const { wait, address, consumer, max, visibilityMs, waitMs, waitedMs, last, request } = question;
  const { topic, lane, lanes, settings } = address;
  return [
    wait,
    [topic, lane, lanes, settings === null ? null : encodeSettings(settings)],
    consumer,
    max,
    visibilityMs,
    waitMs,
    waitedMs,
    last,
    request === null ? null : requestFields(request),
  ];
}

function requestFields(request: RequestKey): readonly unknown[] {
  return request.kind === "caller"
    ? [request.principal, request.id]
    : [request.session, request.bootId, request.sequence, request.lowestOpen];
}

/** @throws {SkeinError} BAD_REQUEST */
export function decodeQuestion(body: unknown): ConsumeQuestion {
  if (!Array.isArray(body)) throw malformed();
  const [wait, place, consumer, max, visibilityMs, waitMs, waitedMs, last, fields] = body;
  const address = addressOf(place);
  const request = fields === null ? null : requestOf(fields);
  const isSound = typeof wait === "string" && (consumer === null || isTopicName(consumer)) &&
    isWithin(max, 1, LIMITS.queueBatchMax) && (visibilityMs === null || isSpan(visibilityMs)) &&
    isSpan(waitMs) && isSpan(waitedMs) && typeof last === "boolean";
  if (!isSound || address === null || request === undefined) throw malformed();
  return { wait, address, consumer, max, visibilityMs, waitMs, waitedMs, last, request };
}

function addressOf(fields: unknown): LaneAddress | null {
  if (!Array.isArray(fields)) return null;
  const [topic, lane, lanes, encoded] = fields;
  if (!isTopicName(topic) || !isWithin(lanes, 1, LIMITS.queueLanesMax)) return null;
  if (!isWithin(lane, 0, lanes - 1)) return null;
  const settings = encoded === null ? null : decodeSettings(encoded);
  return settings === undefined ? null : { topic, lane, lanes, settings };
}

function requestOf(fields: unknown): RequestKey | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [first, second, sequence, lowestOpen] = fields;
  if (typeof first !== "string" || typeof second !== "string") return undefined;
  if (fields.length === 2) return { kind: "caller", principal: first, id: second };
  if (!isSpan(sequence) || !isSpan(lowestOpen)) return undefined;
  return { kind: "session", session: first, bootId: second, sequence, lowestOpen };
}

function isSpan(value: unknown): value is number {
  return isWithin(value, 0, Number.MAX_SAFE_INTEGER);
}

export function encodeAnswer({ messages, bodies, wallOffsetMs }: ConsumeAnswer): unknown {
  return [messages, bodies, wallOffsetMs];
}

/** @param answer of a peer of this cluster that leads the lane's group */
export function decodeAnswer(answer: unknown): ConsumeAnswer {
  if (!Array.isArray(answer) || !Array.isArray(answer[0]) || !Array.isArray(answer[1])) {
    throw unreadable();
  }
  const [messages, bodies, wallOffsetMs] = answer;
  return { messages, bodies, wallOffsetMs };
}
