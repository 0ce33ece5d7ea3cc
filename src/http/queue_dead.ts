/**
 * GET /queue/dead, POST /queue/requeue and /queue/purge: dead letters, and the removal of messages. `TOPIC.dead` in
 * place of the topic names its dead letters: purging that removes them alone.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer, answerBytes } from "./answer.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  flagField,
  isOn,
  jsonBody,
  jsonResponse,
  successField,
  validate,
  validateQuery,
} from "./fields.ts";
import { JsonText } from "./json_text.ts";
import { forwardField, refusalToForwardTopic } from "./leader.ts";
import {
  deadNameOf,
  messageIdField,
  namesDead,
  QUEUE_ERRORS,
  topicOf,
  topicOrDeadField,
  UNKNOWN_TOPIC,
} from "./queue_fields.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { DeadLetter } from "../queue/queue.ts";

const PAGE_DEFAULT = 100;

const DeadQuery = z.object({
  topic: topicOrDeadField,
  limit: z.string().regex(/^\d{1,4}$/, "must be a whole number").transform(Number)
    .pipe(z.number().min(1).max(LIMITS.queueBatchMax)).optional()
    .openapi({
      type: "integer",
      minimum: 1,
      maximum: LIMITS.queueBatchMax,
      description: `dead letters of one page, ${PAGE_DEFAULT} where absent`,
    }),
  after: messageIdField.optional().openapi({
    description: "the id of the last one of the page before: next in its answer",
  }),
  stale: flagField("answer from this peer's own state, which may lag behind"),
  forward: forwardField,
});

const DeadSchema = z.object({
  success: successField,
  topic: z.string(),
  name: z.string().openapi({ description: "of the topic's dead letters: TOPIC.dead" }),
  messages: z.array(
    z.object({
      id: z.string(),
      data: z.unknown().openapi({ description: "any JSON value, as the text that was published" }),
      attempts: z.number().int().min(0),
      reason: z.string().openapi({ description: "max_attempts, or what its last nack said" }),
      priority: z.number().int().min(0).max(9),
      published_at: z.iso.datetime(),
      dead_at: z.iso.datetime(),
    }).openapi("QueueDeadLetter"),
  ).openapi({ description: "oldest first" }),
  next: z.string().nullable().openapi({
    description: "what `after` is for the next page; null where this one is empty",
  }),
}).openapi("QueueDead");

const RequeueFields = z.object({
  topic: topicOrDeadField,
  rate: z.number().positive().max(LIMITS.queueRequeueRateMax).nullish().openapi({
    description: "how many a second at most",
  }),
});

const RequeueSomeSchema = RequeueFields.extend({
  ids: z.array(messageIdField).min(1).max(LIMITS.queueBatchMax),
}).openapi("QueueRequeue");

const RequeueAllSchema = RequeueFields.extend({ all: z.literal(true) }).openapi("QueueRequeueAll");

const PurgeSchema = z.object({
  topic: topicOrDeadField,
  what: z.enum(["ready", "dead", "all"]).optional().openapi({
    description:
      "all: also what is delayed or in flight; where absent: ready of TOPIC, dead of TOPIC.dead",
  }),
}).openapi("QueuePurge");

const countField = z.number().int().min(0);

function deadBytes(topic: string, letters: readonly DeadLetter[]): Uint8Array<ArrayBuffer> {
  const [name, next] = [deadNameOf(topic), letters.at(-1)?.id ?? null].map((text) =>
    JSON.stringify(text)
  );
  const json = new JsonText()
    .add(`{"success":true,"topic":${JSON.stringify(topic)},"name":${name},"messages":[`);
  for (const [place, letter] of letters.entries()) {
    const { id, data, attempts, reason, priority, publishedAt, deadAt } = letter;
    json.add(`${place > 0 ? "," : ""}{"id":${JSON.stringify(id)},"data":`).addBytes(data).add(
      `,"attempts":${attempts},"reason":${JSON.stringify(reason)},"priority":${priority},` +
        `"published_at":"${publishedAt}","dead_at":"${deadAt}"}`,
    );
  }
  return json.add(`],"next":${next}}`).encode();
}

function dead({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/queue/dead",
      tags: ["queue"],
      summary: "A page of a topic's dead letters",
      request: { query: DeadQuery },
      responses: {
        200: jsonResponse("Dead letters, oldest first", DeadSchema),
        404: UNKNOWN_TOPIC,
        422: errorResponse("A name or a limit out of its bounds"),
        503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
      },
    }),
    access: "token",
    async handle(request) {
      const query = validateQuery(DeadQuery, request.url);
      const topic = topicOf(query.topic);
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const { limit: max = PAGE_DEFAULT, after = null } = query;
      const options = { stale: isOn(query.stale) };
      return answerBytes(
        deadBytes(topic, await peer.queue.dead(topic, { max, after }, options)),
      );
    },
  };
}

function requeue({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/queue/requeue",
      tags: ["queue"],
      summary: "Put dead letters back behind what is ready, with no attempts counted",
      request: jsonBody(z.union([RequeueSomeSchema, RequeueAllSchema])),
      responses: {
        200: jsonResponse(
          "How many were put back; answered when all were",
          z.object({ success: successField, topic: z.string(), requeued: countField }),
        ),
        404: UNKNOWN_TOPIC,
        ...QUEUE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const { name, ids, rate } = readRequeue(await bodies.readObject(request));
      const topic = topicOf(name);
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const requeued = await peer.queue.requeue(
        topic,
        { ids, ratePerSecond: rate },
        requestKeyOf(request, gate.principal),
        request.signal,
      );
      return answer({ success: true, topic, requeued });
    },
  };
}

function readRequeue(object: Record<string, unknown>) {
  if (!Object.hasOwn(object, "all")) {
    const { topic, ids, rate = null } = validate(RequeueSomeSchema, object);
    return { name: topic, ids, rate };
  }
  if (Object.hasOwn(object, "ids")) {
    throw new SkeinError("BAD_REQUEST", "ids and all say which dead letters: give one of them");
  }
  const { topic, rate = null } = validate(RequeueAllSchema, object);
  return { name: topic, ids: null, rate };
}

function purge({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/queue/purge",
      tags: ["queue"],
      summary: "Remove messages",
      request: jsonBody(PurgeSchema),
      responses: {
        200: jsonResponse(
          "How many were removed",
          z.object({ success: successField, topic: z.string(), purged: countField }),
        ),
        404: UNKNOWN_TOPIC,
        ...QUEUE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = validate(PurgeSchema, await bodies.readObject(request));
      const topic = topicOf(asked.topic);
      const what = purgedOf(asked);
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const key = requestKeyOf(request, gate.principal);
      return answer({ success: true, topic, purged: await peer.queue.purge(topic, what, key) });
    },
  };
}

function purgedOf({ topic, what }: z.output<typeof PurgeSchema>): "ready" | "dead" | "all" {
  if (!namesDead(topic)) return what ?? "ready";
  if (what === undefined || what === "dead") return "dead";
  throw new SkeinError("BAD_REQUEST", `${topic} names dead letters only, not what is ${what}`);
}

/** The routes of dead letters, and the one that purges. */
export function queueDeadEndpoints(site: Site): readonly Endpoint[] {
  return [dead(site), requeue(site), purge(site)];
}
