/**
 * GET /queue/stats, GET and POST /queue/topics: what topics there are, how they stand, and their options. Views are
 * linearizable, or from this peer's own state with `?stale=true`.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  flagField,
  isOn,
  jsonBody,
  jsonResponse,
  secondsField,
  successField,
  toMs,
  toMsOrNull,
  validate,
  validateQuery,
} from "./fields.ts";
import { forwardField, refusalToForwardTopic } from "./leader.ts";
import { topicDocument } from "./queue_topic_document.ts";
import {
  delayField,
  QUEUE_ERRORS,
  topicField,
  topicOf,
  topicOrDeadField,
  UNKNOWN_TOPIC,
  visibilityField,
} from "./queue_fields.ts";
import { LIMITS } from "../limits.ts";
import type { TopicView } from "../queue/queue.ts";

const lanesField = z.number().int().min(1).max(LIMITS.queueLanesMax).openapi({
  description: "each keeps its own order; fixed when the topic is created",
});
const attemptsField = z.number().int().min(0).max(LIMITS.queueAttemptsMax).openapi({
  description: "deliveries after which a message becomes a dead letter; 0: never",
});
const windowField = secondsField(
  0,
  LIMITS.queueDedupWindowMaxMs,
  "seconds in which an id that is published again is a duplicate",
);
const backoffField = z.array(delayField).max(LIMITS.queueBackoffsMax).openapi({
  description: "seconds of delay of the n-th nack that names none; the last one repeats",
});
const pausedField = z.boolean().openapi({
  description: "publishing goes on, delivering does not",
});

const ConfigureSchema = z.object({
  topic: topicField,
  lanes: lanesField.nullish(),
  visibility: visibilityField.nullish(),
  max_attempts: attemptsField.nullish(),
  dedup_window: windowField.nullish(),
  backoff: backoffField.nullish(),
  paused: pausedField.nullish(),
}).openapi("QueueConfigure");

const countField = z.number().int().min(0);
const rateField = z.number().min(0);

const TopicSchema = z.object({
  topic: z.string(),
  lanes: lanesField,
  visibility: visibilityField,
  max_attempts: attemptsField,
  dedup_window: windowField,
  backoff: backoffField,
  paused: pausedField,
  ready: countField,
  in_flight: countField,
  delayed: countField,
  dead: countField,
  bytes: countField,
  oldest_age: z.number().nullable().openapi({
    description: "seconds that the oldest message has been ready; null where none is",
  }),
  totals: z.object({
    published: countField,
    duplicates: countField,
    delivered: countField,
    redelivered: countField,
    acknowledged: countField,
    dead_lettered: countField,
    expired: countField,
    purged: countField,
    requeued: countField,
    dedup_evicted: countField,
  }).openapi({ description: "since the topic was created" }),
  rates: z.object({
    published: rateField,
    delivered: rateField,
    acknowledged: rateField,
  }).openapi({ description: "messages a second, over the last minute or a little less" }),
}).openapi("QueueTopic");

const OneTopicSchema = TopicSchema.extend({ success: successField }).openapi("QueueTopicAnswer");

const staleField = flagField("answer from this peer's own state, which may lag behind");
const StatsQuery = z.object({ topic: topicOrDeadField, stale: staleField, forward: forwardField });
const TopicsQuery = z.object({ stale: staleField });

/** Typed, so that the document and its schema cannot differ. */
const topicBody: (view: TopicView) => z.output<typeof TopicSchema> = topicDocument;

function stats({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/queue/stats",
      tags: ["queue"],
      summary: "How a topic stands",
      request: { query: StatsQuery },
      responses: {
        200: jsonResponse(
          "Its messages by state, its options, and what happened so far",
          OneTopicSchema,
        ),
        404: UNKNOWN_TOPIC,
        422: errorResponse("A name out of its bounds"),
        503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
      },
    }),
    access: "token",
    async handle(request) {
      const query = validateQuery(StatsQuery, request.url);
      const topic = topicOf(query.topic);
      const notHere = refusalToForwardTopic(peer, request, topic);
      if (notHere !== null) throw notHere;
      const view = await peer.queue.stats(topic, { stale: isOn(query.stale) });
      return answer({ success: true, ...topicBody(view) });
    },
  };
}

function topics({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/queue/topics",
      tags: ["queue"],
      summary: "All topics, in order of name",
      request: { query: TopicsQuery },
      responses: {
        200: jsonResponse(
          "As /queue/stats shows each",
          z.object({ success: successField, topics: z.array(TopicSchema) }),
        ),
        503: errorResponse("No leader"),
      },
    }),
    access: "token",
    async handle(request) {
      const { stale } = validateQuery(TopicsQuery, request.url);
      const views = await peer.queue.topics({ stale: isOn(stale) });
      return answer({ success: true, topics: views.map(topicBody) });
    },
  };
}

function configure({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/queue/topics",
      tags: ["queue"],
      summary: "Create a topic, or change its options; what is absent stays, or is the default",
      request: jsonBody(ConfigureSchema),
      responses: {
        200: jsonResponse("The topic as it is now", OneTopicSchema),
        409: errorResponse("CONFLICT: the topic has another number of lanes"),
        ...QUEUE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = validate(ConfigureSchema, await bodies.readObject(request));
      const notHere = refusalToForwardTopic(peer, request, asked.topic);
      if (notHere !== null) throw notHere;
      const view = await peer.queue.configure(asked.topic, {
        lanes: asked.lanes ?? null,
        visibilityMs: toMsOrNull(asked.visibility),
        maxAttempts: asked.max_attempts ?? null,
        dedupWindowMs: toMsOrNull(asked.dedup_window),
        backoffMs: asked.backoff?.map(toMs) ?? null,
        paused: asked.paused ?? null,
      }, requestKeyOf(request, gate.principal));
      return answer({ success: true, ...topicBody(view) });
    },
  };
}

/** The routes of topics. */
export function queueTopicEndpoints(site: Site): readonly Endpoint[] {
  return [stats(site), topics(site), configure(site)];
}
