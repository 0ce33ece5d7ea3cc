/**
 * POST /queue/ack, /queue/nack and /queue/extend: what became of deliveries. One is named by `id` (or `message_id`),
 * by `receipt`, or by both; several are listed in `deliveries` (or `messages`), with a result each.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer, errorBody } from "./answer.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  jsonBody,
  jsonResponse,
  successField,
  toMsOrNull,
  validate,
} from "./fields.ts";
import { refusalToForwardTopic } from "./leader.ts";
import {
  delayField,
  messageIdField,
  QUEUE_ERRORS,
  topicField,
  visibilityField,
} from "./queue_fields.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { DeliveryName, SettleRequest, SettleResult } from "../queue/queue.ts";

const receiptField = z.string().min(1).max(LIMITS.nameBytesMax).openapi({
  description: "of the delivery that is meant; without it, the message's current one is",
});

const NAME_FIELDS = {
  id: messageIdField.nullish().openapi({ description: "the message's id; or a receipt is needed" }),
  message_id: messageIdField.nullish().openapi({ description: "the same as id" }),
  receipt: receiptField.nullish(),
};

/** Without a name nobody knows what is meant. */
const NAMELESS = { path: ["id"], message: "an id or a receipt is needed" };

const NameSchema = z.object(NAME_FIELDS).refine(isNamed, NAMELESS).openapi("QueueDeliveryName");

const namesField = z.array(NameSchema).min(1).max(LIMITS.queueBatchMax);

const OneSchema = z.object({ ...NAME_FIELDS, topic: topicField }).refine(isNamed, NAMELESS);

const BatchSchema = z.object({ topic: topicField, deliveries: namesField });

const AckFields = z.object({});

const NackFields = z.object({
  delay: delayField.nullish().openapi({
    description: "seconds before it is delivered again; else the topic's back-off",
  }),
  reason: z.string().max(LIMITS.queueReasonLengthMax).nullish().openapi({
    description: "shown with the dead letter that the message may become",
  }),
});

const ExtendFields = z.object({
  visibility: visibilityField.nullish().openapi({
    description: "the new visibility timeout from now, in seconds; else the topic's",
  }),
});

/**
 * A request as it is documented; `readSettle` tells the forms apart.
 * @param fields what it has beside the deliveries
 */
function documented(name: string, fields: z.ZodObject) {
  const body = z.object({ topic: topicField });
  return z.union([
    body.extend(NAME_FIELDS).extend(fields.shape).refine(isNamed, NAMELESS),
    body.extend({ deliveries: namesField }).extend(fields.shape),
    body.extend({ messages: namesField }).extend(fields.shape),
  ]).openapi(name);
}

const SettleAnswer = z.looseObject({
  success: successField,
  results: z.array(z.union([
    z.object({ success: successField }),
    z.object({
      success: z.literal(false),
      error: z.enum(["NOT_FOUND", "STALE_RECEIPT"]),
      message: z.string(),
    }),
  ])).optional().openapi({ description: "of several: one a delivery, in their order" }),
}).openapi("QueueSettled");

interface AskedSettle {
  readonly topic: string;
  readonly deliveries: readonly DeliveryName[];
  readonly isBatch: boolean;
}

/** @throws {SkeinError} INVALID, BAD_REQUEST */
function readSettle(object: Record<string, unknown>): AskedSettle {
  const field = batchFieldOf(object);
  if (field === null) {
    const one = validate(OneSchema, object);
    return { topic: one.topic, deliveries: [nameOf(one, "")], isBatch: false };
  }
  const { topic, deliveries } = validate(BatchSchema, {
    topic: object["topic"],
    deliveries: object[field],
  });
  const names = deliveries.map((name, place) => nameOf(name, `${field}.${place}.`));
  return { topic, deliveries: names, isBatch: true };
}

/** The field that lists deliveries; null where one is named in the body itself. */
function batchFieldOf(object: Record<string, unknown>): "deliveries" | "messages" | null {
  const [isListed, isAlsoListed] = [
    Object.hasOwn(object, "deliveries"),
    Object.hasOwn(object, "messages"),
  ];
  if (!isListed && !isAlsoListed) return null;
  if (isListed && isAlsoListed) throw twoNames("deliveries and messages");
  if (isNamed(object)) {
    throw new SkeinError("BAD_REQUEST", "one delivery, and a list of them: give one or the other");
  }
  return isListed ? "deliveries" : "messages";
}

function isNamed(name: { readonly [K in keyof typeof NAME_FIELDS]?: unknown }): boolean {
  return [name.id, name.message_id, name.receipt].some((field) =>
    field !== undefined && field !== null
  );
}

function nameOf(name: z.output<typeof NameSchema>, path: string): DeliveryName {
  const { id = null, message_id = null, receipt = null } = name;
  if (id !== null && message_id !== null) throw twoNames(`${path}id and message_id`);
  return { id: id ?? message_id, receipt };
}

function twoNames(names: string): SkeinError {
  return new SkeinError("BAD_REQUEST", `${names} are two names of one field: give one`);
}

/** A delivery that could not be settled, as an error of its own. */
function settleError(
  { code }: SettleResult & { readonly ok: false },
  topic: string,
  { id, receipt }: DeliveryName,
): SkeinError {
  const subject = {
    topic,
    ...(id === null ? {} : { id }),
    ...(receipt === null ? {} : { receipt }),
  };
  switch (code) {
    case "NOT_FOUND": {
      const message =
        `${topic} has no such message in flight: it was acknowledged, expired or purged, ` +
        "or was never there";
      return new SkeinError(code, message, subject);
    }
    case "STALE_RECEIPT": {
      const message = "the receipt is not of the message's current delivery";
      return new SkeinError(code, message, subject);
    }
  }
}

/** @throws {SkeinError} where one delivery was named, and could not be settled */
function settledBody(
  { topic, deliveries, isBatch }: AskedSettle,
  results: readonly SettleResult[],
): Record<string, unknown> {
  if (isBatch) {
    return {
      success: true,
      results: results.map((result, place) =>
        result.ok ? SETTLED : errorBody(settleError(result, topic, deliveries[place]!))
      ),
    };
  }
  const [name] = deliveries as [DeliveryName];
  const [result] = results as [SettleResult];
  if (!result.ok) throw settleError(result, topic, name);
  return { success: true, topic, id: name.id, receipt: name.receipt };
}

const SETTLED = { success: true };

interface Settling<F extends z.ZodObject> {
  readonly path: string;
  readonly summary: string;
  readonly schemaName: string;
  readonly fields: F;
  settle(request: SettleRequest, fields: z.output<F>): Promise<readonly SettleResult[]>;
}

function settleEndpoint<F extends z.ZodObject>(
  { peer, bodies, gate }: Site,
  { path, summary, schemaName, fields, settle }: Settling<F>,
): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path,
      tags: ["queue"],
      summary,
      request: jsonBody(documented(schemaName, fields)),
      responses: {
        200: jsonResponse("Done; of several, what became of each", SettleAnswer),
        404: errorResponse("NOT_FOUND: there is no such topic, or no such message"),
        409: errorResponse("STALE_RECEIPT: the message was delivered again since, or handed back"),
        ...QUEUE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const object = await bodies.readObject(request);
      const asked = readSettle(object);
      const further = validate(fields, object);
      const { topic, deliveries } = asked;
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const key = requestKeyOf(request, gate.principal);
      const results = await settle({ topic, deliveries, request: key }, further);
      return answer(settledBody(asked, results));
    },
  };
}

/** The routes that settle deliveries. */
export function queueSettleEndpoints(site: Site): readonly Endpoint[] {
  const { peer } = site;
  return [
    settleEndpoint(site, {
      path: "/queue/ack",
      summary: "Done with messages: they are not delivered again",
      schemaName: "QueueAck",
      fields: AckFields,
      settle: (request) => peer.queue.acknowledge(request),
    }),
    settleEndpoint(site, {
      path: "/queue/nack",
      summary: "Hand messages back, to be delivered again after a while",
      schemaName: "QueueNack",
      fields: NackFields,
      settle: (request, { delay, reason = null }) =>
        peer.queue.refuse({ ...request, delayMs: toMsOrNull(delay), reason }),
    }),
    settleEndpoint(site, {
      path: "/queue/extend",
      summary: "Begin the visibility timeout of deliveries anew",
      schemaName: "QueueExtend",
      fields: ExtendFields,
      settle: (request, { visibility }) =>
        peer.queue.extend({ ...request, visibilityMs: toMsOrNull(visibility) }),
    }),
  ];
}
