/**
 * POST /queue/consume: takes messages, or waits for one. The answer is put together from the messages' stored
 * bytes, which are JSON already.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answerBytes } from "./answer.ts";
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
import { JsonText } from "./json_text.ts";
import { refusalToForwardTopic } from "./leader.ts";
import { QUEUE_ERRORS, topicField, visibilityField } from "./queue_fields.ts";
import { LIMITS } from "../limits.ts";
import type { Delivery } from "../queue/queue.ts";

const ConsumeSchema = z.object({
  topic: topicField,
  consumer: nameField("who consumes: consumers take turns").nullish(),
  max: z.number().int().min(1).max(LIMITS.queueBatchMax).nullish().openapi({
    description: "messages at most, 1 where absent; with it the answer also has messages[]",
  }),
  wait: secondsField(
    0,
    LIMITS.queueWaitMaxMs,
    "how long to wait for a message, in seconds; 0 where absent: not at all",
  ).nullish(),
  visibility: visibilityField.nullish(),
}).openapi("QueueConsume");

const DeliverySchema = z.object({
  id: z.string(),
  data: z.unknown().openapi({ description: "any JSON value, as the text that was published" }),
  receipt: z.string().openapi({ description: "names this delivery and no other one" }),
  attempts: z.number().int().min(1).openapi({ description: "1 at the first delivery" }),
  priority: z.number().int().min(0).max(9),
  key: z.string().nullable(),
  published_at: z.iso.datetime().openapi({ description: "a hint, as the next one" }),
  visible_until: z.iso.datetime(),
}).openapi("QueueDelivery");

const ConsumedSchema = z.object({
  success: successField,
  message: DeliverySchema.nullable().openapi({
    description: "the first one; null where there was none all the time",
  }),
  messages: z.array(DeliverySchema).optional().openapi({
    description: "all of them; only where the request had max",
  }),
}).openapi("QueueConsumed");

/** @param isList whether they are also listed */
function consumedBytes(
  deliveries: readonly Delivery[],
  isList: boolean,
): Uint8Array<ArrayBuffer> {
  const json = new JsonText().add('{"success":true,"message":');
  const [first] = deliveries;
  if (first === undefined) json.add("null");
  else addDelivery(json, first);
  if (isList) {
    json.add(',"messages":[');
    for (const [place, delivery] of deliveries.entries()) {
      if (place > 0) json.add(",");
      addDelivery(json, delivery);
    }
    json.add("]");
  }
  return json.add("}").encode();
}

function addDelivery(json: JsonText, delivery: Delivery): void {
  const { id, data, receipt, attempts, priority, key, publishedAt, visibleUntil } = delivery;
  json.add(`{"id":${JSON.stringify(id)},"data":`).addBytes(data).add(
    `,"receipt":${JSON.stringify(receipt)},"attempts":${attempts},"priority":${priority},` +
      `"key":${
        JSON.stringify(key)
      },"published_at":"${publishedAt}","visible_until":"${visibleUntil}"}`,
  );
}

/** The route that consumes. */
export function queueConsumeEndpoints({ peer, bodies, gate }: Site): readonly Endpoint[] {
  return [{
    route: createRoute({
      method: "post",
      path: "/queue/consume",
      tags: ["queue"],
      summary: "Take messages, or wait for one, creating the topic where it is not there",
      request: jsonBody(ConsumeSchema),
      responses: {
        200: jsonResponse("What was delivered; or nothing, with message: null", ConsumedSchema),
        ...QUEUE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = validate(ConsumeSchema, await bodies.readObject(request));
      const { topic, consumer = null, max, wait, visibility } = asked;
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const deliveries = await peer.queue.consume({
        topic,
        consumer,
        max: max ?? 1,
        waitMs: toMs(wait ?? 0),
        visibilityMs: toMsOrNull(visibility),
        request: requestKeyOf(request, gate.principal),
        signal: request.signal,
      });
      return answerBytes(consumedBytes(deliveries, typeof max === "number"));
    },
  }];
}
