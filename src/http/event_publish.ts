/**
 * POST /publish: one event, or a batch of any topics, as an array or as `{"events": […]}`. A batch costs little more than
 * its bytes: of each event only the types of its fields are looked at here, what they say is checked by the service.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer, answerText } from "./answer.ts";
import type { JsonListBody } from "./body.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { eventIdField, offsetField, timestampField, topicField } from "./event_fields.ts";
import { BATCH_FIELD, findPayloads } from "./event_payloads.ts";
import { errorResponse, isName, jsonBody, jsonResponse, successField } from "./fields.ts";
import { refusalToForwardTo } from "./leader.ts";
import { errorCodeOf, SkeinError } from "../errors.ts";
import type { EventItem, PublishedEvent } from "../events/events.ts";
import { LIMITS } from "../limits.ts";
import type { Peer } from "../peer/peer.ts";

const sourceField = z.string()
  .refine((text) => text === "" || isName(text, LIMITS.nameBytesMax), {
    message: `must be at most ${LIMITS.nameBytesMax} bytes of UTF-8 without control characters`,
  })
  .openapi({ description: "who says so; only kept", maxLength: LIMITS.nameBytesMax });

const expectedOffsetField = offsetField.nullish().openapi({
  description: "the offset that the first new one of the events must get, all of one topic; else " +
    "409 and nothing is stored. Where all are duplicates nothing is compared",
});

/** What is sent, as it is documented; validated by `readEvents` and by the service. */
const EventInput = z.object({
  topic: topicField,
  event_id: eventIdField,
  timestamp: timestampField.nullish(),
  source: sourceField.nullish(),
  payload: z.unknown().openapi({ description: "any JSON value; null where absent" }),
}).openapi("EventInput");

const ListSchema = z.array(EventInput).min(1).max(LIMITS.eventBatchMax);

const PublishSchema = z.union([
  ListSchema.openapi("EventList"),
  z.object({ events: ListSchema, expected_offset: expectedOffsetField }).openapi("EventBatch"),
  EventInput.extend({ expected_offset: expectedOffsetField }).openapi("EventPublish"),
]);

const ResultSchema = z.object({
  success: successField,
  offset: offsetField.openapi({ description: "of a duplicate that of the one that is stored" }),
  duplicate: z.boolean().openapi({ description: "it is stored already; nothing was added" }),
}).openapi("EventResult");

const PublishedSchema = ResultSchema.extend({ topic: z.string(), event_id: z.string() })
  .openapi("EventPublished");

const ResultsSchema = z.object({
  success: successField,
  received: z.number().int(),
  unique: z.number().int().openapi({ description: "stored now" }),
  duplicates: z.number().int(),
  results: z.array(ResultSchema).openapi({ description: "one an event, in their order" }),
}).openapi("EventsPublished");

const FailureSchema = z.looseObject({
  success: z.literal(false),
  error: z.string(),
  message: z.string(),
  results: z.array(z.looseObject({ success: z.boolean() })).optional().openapi({
    description: "of a batch of which a part was stored: one an event, in their order",
  }),
}).openapi("EventPublishFailure");

interface AskedEvents {
  readonly items: readonly EventItem[];
  readonly expectedOffset: number | null;
  readonly isBatch: boolean;
}

/** @throws {SkeinError} INVALID with index and field, BAD_REQUEST */
function readEvents({ value, bytes }: JsonListBody): AskedEvents {
  const payloads = findPayloads(bytes);
  if (Array.isArray(value)) {
    return { items: toItems(value, payloads), expectedOffset: null, isBatch: true };
  }
  const object = value as Record<string, unknown>;
  const expectedOffset = toExpected(object["expected_offset"]);
  if (!Object.hasOwn(object, BATCH_FIELD)) {
    return { items: toItems([object], payloads), expectedOffset, isBatch: false };
  }
  if (Object.hasOwn(object, "topic") || Object.hasOwn(object, "event_id")) {
    throw new SkeinError("BAD_REQUEST", "events, and fields of a single one: give one of them");
  }
  const events = object[BATCH_FIELD];
  if (Array.isArray(events)) {
    return { items: toItems(events, payloads), expectedOffset, isBatch: true };
  }
  throw new SkeinError("INVALID", "events: must be a list", { field: "events" });
}

function toItems(events: readonly unknown[], payloads: readonly Uint8Array[]): EventItem[] {
  return events.map((event, index) => toItem(event, payloads[index]!, index));
}

function toItem(event: unknown, payload: Uint8Array, index: number): EventItem {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    const message = `event ${index}: must be an object with topic and event_id`;
    throw new SkeinError("INVALID", message, { index, field: "" });
  }
  const { topic, event_id: eventId, timestamp = null, source = null } = event as {
    readonly [field: string]: unknown;
  };
  requireText(topic, "topic", index);
  requireText(eventId, "event_id", index);
  if (timestamp !== null) requireText(timestamp, "timestamp", index);
  if (source !== null) requireText(source, "source", index);
  return { topic, eventId, timestamp, source, payload };
}

function requireText(value: unknown, field: string, index: number): asserts value is string {
  if (typeof value === "string") return;
  const problem = value === undefined ? "is missing" : "must be a text";
  throw new SkeinError("INVALID", `event ${index}: ${field}: ${problem}`, { index, field });
}

function toExpected(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (Number.isSafeInteger(value) && value as number >= 0) return value as number;
  const message = "expected_offset: must be a whole number from 0 on";
  throw new SkeinError("INVALID", message, { field: "expected_offset" });
}

function refusalToForwardAny(
  peer: Peer,
  request: Request,
  items: readonly EventItem[],
): SkeinError | null {
  for (const topic of new Set(items.map((item) => item.topic))) {
    const notHere = refusalToForwardTo(peer, request, "events", topic);
    if (notHere !== null) return notHere;
  }
  return null;
}

/** @throws {SkeinError} what the event could not be published for */
function singleAnswer({ topic, eventId }: EventItem, result: PublishedEvent): Response {
  if (!result.ok) throw new SkeinError(errorCodeOf(result.code), result.message);
  const { offset, duplicate } = result;
  return answer({ success: true, topic, event_id: eventId, offset, duplicate });
}

/** @throws {SkeinError} PARTIAL_FAILURE with all results, where some topics' parts could not be published */
function batchAnswer(results: readonly PublishedEvent[]): Response {
  let [json, duplicates] = ["", 0];
  for (const result of results) {
    if (!result.ok) throw partialFailure(results);
    if (result.duplicate) duplicates++;
    json += `${
      json === "" ? "" : ","
    }{"success":true,"offset":${result.offset},"duplicate":${result.duplicate}}`;
  }
  const { length } = results;
  return answerText(
    `{"success":true,"received":${length},"unique":${
      length - duplicates
    },"duplicates":${duplicates},"results":[${json}]}`,
  );
}

function partialFailure(results: readonly PublishedEvent[]): SkeinError {
  const failed = results.filter((result) => !result.ok);
  const count = `${failed.length} of ${results.length} events`;
  const text = `${count} could not be published, the first because: ${failed[0]!.message}`;
  const bodies = results.map((result) => {
    if (!result.ok) return { success: false, error: result.code, message: result.message };
    return { success: true, offset: result.offset, duplicate: result.duplicate };
  });
  return new SkeinError("PARTIAL_FAILURE", text, { results: bodies });
}

/** The route that publishes. */
export function eventPublishEndpoints({ peer, bodies, gate }: Site): readonly Endpoint[] {
  return [{
    route: createRoute({
      method: "post",
      path: "/publish",
      tags: ["events"],
      summary:
        "Publish one event or a batch; each is stored once, for ever, however often it comes",
      request: jsonBody(PublishSchema),
      responses: {
        200: jsonResponse(
          "Stored, or known already: one event, or several",
          z.union([PublishedSchema, ResultsSchema]),
        ),
        400: errorResponse("Not JSON, or one event and several"),
        409: errorResponse("CONFLICT: the topic's next offset is another one; with next_offset"),
        413: errorResponse("The body is too large"),
        422: errorResponse("An event is wrong: with index and field; nothing was stored"),
        429: errorResponse("Too much is waiting already, or no further ids can be remembered"),
        503: jsonResponse(
          "No leader, or NOT_LEADER where forwarding was declined, or PARTIAL_FAILURE: some topics' parts " +
            "of a batch could not be stored, and sending all of it again is safe",
          FailureSchema,
        ),
        504: jsonResponse("OUTCOME_UNKNOWN: sending it again is safe", FailureSchema),
      },
    }),
    access: "token",
    async handle(request) {
      const asked = readEvents(await bodies.readJsonOrList(request));
      const { items, expectedOffset, isBatch } = asked;
      const notHere = refusalToForwardAny(peer, request, items);
      if (notHere !== null) throw notHere;
      const key = requestKeyOf(request, gate.principal);
      const results = await peer.events.publish({ items, expectedOffset, request: key });
      return isBatch ? batchAnswer(results) : singleAnswer(items[0]!, results[0]!);
    },
  }];
}
