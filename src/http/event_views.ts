/**
 * GET /events/topics and GET /stats: which topics of events there are, how each stands, and the sums over all. They are
 * counted where events are stored, so they are the same at every peer and survive its restart; `uptime` alone is
 * that of the peer that answers.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { eventStatsDocument, eventTopicDocument } from "./event_documents.ts";
import { countField, NO_LEADER, offsetField, staleField, topicField } from "./event_fields.ts";
import { errorResponse, isOn, jsonResponse, successField, validateQuery } from "./fields.ts";
import type { EventStats, EventTopic } from "../events/events.ts";

const TopicsQuery = z.object({ topic: topicField.optional(), stale: staleField });
const StatsQuery = z.object({ stale: staleField });

const TopicSchema = z.object({
  topic: z.string(),
  first_offset: offsetField.openapi({
    description: "of the oldest event that retention has left; next_offset where none is left",
  }),
  next_offset: offsetField.openapi({ description: "what the next new event gets" }),
  bytes: countField.openapi({ description: "of the events that are left, as they are stored" }),
  received: countField,
  unique: countField,
  duplicates: countField,
}).openapi("EventTopic");

const StatsSchema = z.object({
  uptime: z.number().min(0).openapi({ description: "seconds, of the peer that answers" }),
  topics: countField,
  total_events_received: countField,
  total_unique_events_processed: countField,
  total_duplicate_events_dropped: countField,
  events: countField.openapi({ description: "what retention has left" }),
  bytes: countField.openapi({ description: "of these, as they are stored" }),
  identities: countField.openapi({ description: "ids that would be told as duplicates" }),
}).openapi("EventStats");

/** Typed, so that the documents and their schemas cannot differ. */
const topicBody: (topic: EventTopic) => z.output<typeof TopicSchema> = eventTopicDocument;
const statsBody: (stats: EventStats, uptimeSeconds: number) => z.output<typeof StatsSchema> =
  eventStatsDocument;

function topics({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/events/topics",
      tags: ["events"],
      summary: "All topics of events in order of name, or one",
      request: { query: TopicsQuery },
      responses: {
        200: jsonResponse(
          "What is in each, and what was counted of it",
          z.object({ success: successField, topics: z.array(TopicSchema) }),
        ),
        404: errorResponse("Nothing was ever published to this topic"),
        422: errorResponse("A name out of its bounds"),
        503: NO_LEADER,
      },
    }),
    access: "token",
    async handle(request) {
      const { topic, stale } = validateQuery(TopicsQuery, request.url);
      const options = { stale: isOn(stale) };
      const found = topic === undefined
        ? await peer.events.topics(options)
        : [await peer.events.topic(topic, options)];
      return answer({ success: true, topics: found.map(topicBody) });
    },
  };
}

function stats({ peer, options: { clock } }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/stats",
      tags: ["events"],
      summary: "What was received, stored and dropped as a duplicate, over all topics, for ever",
      request: { query: StatsQuery },
      responses: {
        200: jsonResponse(
          "received = unique + duplicates",
          StatsSchema.extend({ success: successField }).openapi("EventStatsAnswer"),
        ),
        503: NO_LEADER,
      },
    }),
    access: "token",
    async handle(request) {
      const { stale } = validateQuery(StatsQuery, request.url);
      const found = await peer.events.stats({ stale: isOn(stale) });
      const uptimeMs = Math.max(0, clock.wallMs() - Date.parse(peer.startedAt));
      return answer({ success: true, ...statsBody(found, Math.round(uptimeMs) / 1_000) });
    },
  };
}

/** The routes that show topics and sums. */
export function eventViewEndpoints(site: Site): readonly Endpoint[] {
  return [topics(site), stats(site)];
}
