/**
 * POST /queue/publish: one message, or several of one topic. A message's data may be called `data`, `payload` or
 * `message`, and is stored as the bytes that were sent.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { JsonBody } from "./body.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  jsonBody,
  jsonResponse,
  nameField,
  secondsField,
  successField,
  toMs,
  toMsOrNull,
  validate,
} from "./fields.ts";
import { refusalToForwardTopic } from "./leader.ts";
import { BATCH_FIELD, findData } from "./message_data.ts";
import {
  dataField,
  delayField,
  messageIdField,
  priorityField,
  QUEUE_ERRORS,
  topicField,
} from "./queue_fields.ts";
import { errorCodeOf, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { PublishedItem, PublishItem } from "../queue/queue.ts";

/** A message without its data, which may have several names and is taken from the body's own text. */
const MESSAGE_FIELDS = {
  id: messageIdField.nullish().openapi({
    description: "published again within the topic's window, it is a duplicate",
  }),
  key: nameField("chooses the lane, where the topic has several").nullish(),
  priority: priorityField.nullish(),
  delay: delayField.nullish(),
  ttl: secondsField(
    LIMITS.queueTtlMinMs,
    LIMITS.queueTtlMaxMs,
    "seconds after which it is not delivered any more; for ever where absent",
  ).nullish(),
};

const MessageSchema = z.object(MESSAGE_FIELDS);
const OneSchema = z.object({ topic: topicField, ...MESSAGE_FIELDS });
const BatchSchema = z.object({
  topic: topicField,
  messages: z.array(MessageSchema).min(1).max(LIMITS.queueBatchMax),
});

const DocumentedMessages = z.union([
  z.object({ data: dataField, ...MESSAGE_FIELDS }).openapi("QueueMessage"),
  z.object({ payload: dataField, ...MESSAGE_FIELDS }).openapi("QueueMessagePayload"),
  z.object({ message: dataField, ...MESSAGE_FIELDS }).openapi("QueueMessageMessage"),
]);

/** What is sent, as it is documented; validated by the schemas above and by `findData`. */
const PublishSchema = z.union([
  z.object({ topic: topicField, data: dataField, ...MESSAGE_FIELDS }).openapi("QueuePublish"),
  z.object({ topic: topicField, payload: dataField, ...MESSAGE_FIELDS })
    .openapi("QueuePublishPayload"),
  z.object({ topic: topicField, message: dataField, ...MESSAGE_FIELDS })
    .openapi("QueuePublishMessage"),
  BatchSchema.extend({
    messages: z.array(DocumentedMessages).min(1).max(LIMITS.queueBatchMax),
  }).openapi("QueuePublishBatch"),
]);

const PublishedSchema = z.object({
  success: successField,
  id: z.string(),
  duplicate: z.boolean().openapi({
    description: "this id was published before; nothing was added",
  }),
}).openapi("QueuePublished");

const NotPublishedSchema = z.object({
  success: z.literal(false),
  error: z.string(),
  message: z.string(),
}).openapi("QueueNotPublished");

const ResultsSchema = z.object({
  success: successField,
  results: z.array(PublishedSchema).openapi({ description: "one a message, in their order" }),
}).openapi("QueuePublishedBatch");

const FailureSchema = z.looseObject({
  success: z.literal(false),
  error: z.string(),
  message: z.string(),
  results: z.array(z.union([PublishedSchema, NotPublishedSchema])).optional().openapi({
    description: "of a batch: one a message, in their order",
  }),
}).openapi("QueuePublishFailure");

interface AskedPublish {
  readonly topic: string;
  readonly items: readonly PublishItem[];
  readonly isBatch: boolean;
}

/** @throws {SkeinError} INVALID, BAD_REQUEST */
function readPublish({ object, bytes }: JsonBody): AskedPublish {
  const found = findData(bytes);
  if (!Object.hasOwn(object, BATCH_FIELD)) {
    const message = validate(OneSchema, object);
    const item = toItem(message, found.own.read(bytes, ""));
    return { topic: message.topic, items: [item], isBatch: false };
  }
  if (found.own.isGiven) {
    throw new SkeinError("BAD_REQUEST", "messages, and data of a single one: give one of them");
  }
  const { topic, messages } = validate(BatchSchema, object);
  const items = messages.map((message, place) => {
    const data = found.messages[place]!.read(bytes, `${BATCH_FIELD}.${place}.`);
    return toItem(message, data);
  });
  return { topic, items, isBatch: true };
}

function toItem(message: z.output<typeof MessageSchema>, data: Uint8Array): PublishItem {
  const { id = null, key = null, priority, delay, ttl } = message;
  return {
    id,
    key,
    data,
    priority: priority ?? 0,
    delayMs: toMs(delay ?? 0),
    ttlMs: toMsOrNull(ttl),
  };
}

/** @throws {SkeinError} what a single message could not be published for */
function singleBody([result]: readonly PublishedItem[]): Record<string, unknown> {
  const body = resultBody(result!);
  if (result!.ok) return body;
  throw new SkeinError(errorCodeOf(result!.code), result!.message);
}

/** @throws {SkeinError} with all results, where not all could be published: PARTIAL_FAILURE, or the reason of all */
function batchBody(results: readonly PublishedItem[]): Record<string, unknown> {
  const bodies = results.map(resultBody);
  const failed = results.filter((result) => !result.ok);
  if (failed.length === 0) return { success: true, results: bodies };
  const [{ code, message }] = failed as [typeof failed[0]];
  const isAlike = failed.length === results.length &&
    failed.every((other) => other.code === code);
  if (isAlike) throw new SkeinError(errorCodeOf(code), message, { results: bodies });
  const count = `${failed.length} of ${results.length} messages`;
  const text = `${count} could not be published, the first because: ${message}`;
  throw new SkeinError("PARTIAL_FAILURE", text, { results: bodies });
}

function resultBody(result: PublishedItem): Record<string, unknown> {
  if (!result.ok) return { success: false, error: result.code, message: result.message };
  return { success: true, id: result.id, duplicate: result.duplicate };
}

/** The route that publishes. */
export function queuePublishEndpoints({ peer, bodies, gate }: Site): readonly Endpoint[] {
  return [{
    route: createRoute({
      method: "post",
      path: "/queue/publish",
      tags: ["queue"],
      summary: "Publish one message or several, creating the topic where it is not there",
      request: jsonBody(PublishSchema),
      responses: {
        200: jsonResponse(
          "Published: one message, or several",
          z.union([PublishedSchema, ResultsSchema]),
        ),
        ...QUEUE_ERRORS,
        429: jsonResponse("The topic is full; nothing was stored", FailureSchema),
        503: jsonResponse(
          "No leader, or NOT_LEADER where forwarding was declined, or PARTIAL_FAILURE: some of a batch " +
            "could not be published, and those with ids are safe to be published again",
          FailureSchema,
        ),
        504: jsonResponse("OUTCOME_UNKNOWN: try again with the same request id", FailureSchema),
      },
    }),
    access: "token",
    async handle(request) {
      const { topic, items, isBatch } = readPublish(await bodies.readJson(request));
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const key = requestKeyOf(request, gate.principal);
      const results = await peer.queue.publish({ topic, items, request: key });
      return answer(isBatch ? batchBody(results) : singleBody(results));
    },
  }];
}
