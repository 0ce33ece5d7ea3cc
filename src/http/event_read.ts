/**
 * GET /events: a page of a topic in the order of offsets, or without `limit` the whole topic, which is written page by
 * page as it is read. Where that fails on its way the body is cut off, and is no JSON.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answerText } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  afterField,
  EventSchema,
  NO_LEADER,
  offsetField,
  staleField,
  topicField,
} from "./event_fields.ts";
import { eventText } from "./event_text.ts";
import { errorResponse, isOn, jsonResponse, successField, validateQuery } from "./fields.ts";
import { forwardField, refusalToForwardTo } from "./leader.ts";
import { pulledBody } from "./pulled_body.ts";
import type { EventPage, EventReadOptions, StoredEvent } from "../events/events.ts";
import { LIMITS } from "../limits.ts";

const EventsQuery = z.object({
  topic: topicField,
  after: afterField,
  limit: z.coerce.number().int().min(1).max(LIMITS.eventPageMax).optional().openapi({
    description:
      `events of one page; fewer come at the topic's end, or where they have ${LIMITS.eventPageBytesMax} ` +
      "bytes. Without it the whole topic comes",
  }),
  stale: staleField,
  forward: forwardField,
});

const EventsSchema = z.object({
  success: successField,
  topic: z.string(),
  events: z.array(EventSchema),
  first_offset: offsetField.optional().openapi({
    description: "of a page: the oldest event that is left",
  }),
  next_offset: offsetField.optional().openapi({
    description: "of a page: what the next new event of the topic gets",
  }),
}).openapi("Events");

function headText(topicJson: string): string {
  return `{"success":true,"topic":${topicJson},"events":[`;
}

function eventTexts(topicJson: string, events: readonly StoredEvent[]): string {
  let text = "";
  for (const event of events) text += `${text === "" ? "" : ","}${eventText(topicJson, event)}`;
  return text;
}

function pageText(topic: string, { events, firstOffset, nextOffset }: EventPage): string {
  const topicJson = JSON.stringify(topic);
  return `${headText(topicJson)}${eventTexts(topicJson, events)}],"first_offset":${firstOffset},` +
    `"next_offset":${nextOffset}}`;
}

/** @param pages the first of them is there already, so that what fails at once is answered as an error */
async function* wholeTexts(
  topic: string,
  pages: AsyncIterator<readonly StoredEvent[]>,
  first: IteratorResult<readonly StoredEvent[]>,
): AsyncGenerator<string> {
  const topicJson = JSON.stringify(topic);
  let separator = "";
  yield headText(topicJson);
  for (let page = first; page.done !== true; page = await pages.next()) {
    yield separator + eventTexts(topicJson, page.value);
    separator = ",";
  }
  yield "]}";
}

async function answerWhole(
  { peer, streams, options: { clock } }: Site,
  request: Request,
  topic: string,
  after: number | null,
  options: EventReadOptions,
): Promise<Response> {
  streams.enter();
  try {
    const pages = peer.events.pages(topic, after, options)[Symbol.asyncIterator]();
    const texts = wholeTexts(topic, pages, await pages.next());
    const headers = { "content-type": "application/json" };
    if (request.method === "HEAD") {
      streams.leave();
      return new Response(null, { headers });
    }
    const ended = () => streams.leave();
    return new Response(pulledBody(texts, { clock, heartbeat: null, ended }), { headers });
  } catch (error) {
    streams.leave();
    throw error;
  }
}

/** The route that reads events. */
export function eventReadEndpoints(site: Site): readonly Endpoint[] {
  const { peer } = site;
  return [{
    route: createRoute({
      method: "get",
      path: "/events",
      tags: ["events"],
      summary: "A page of a topic's events, or all of them",
      request: { query: EventsQuery },
      responses: {
        200: jsonResponse("In order of offset; none of an unknown topic", EventsSchema),
        422: errorResponse("No topic, or a name, an offset or a limit out of its bounds"),
        429: errorResponse("Too many readers of whole topics and streams"),
        503: NO_LEADER,
      },
    }),
    access: "token",
    async handle(request) {
      const query = validateQuery(EventsQuery, request.url);
      const { topic, after = null, limit } = query;
      const notHere = refusalToForwardTo(peer, request, "events", topic);
      if (notHere !== null) throw notHere;
      const options = { stale: isOn(query.stale) };
      if (limit === undefined) return await answerWhole(site, request, topic, after, options);
      return answerText(pageText(topic, await peer.events.page(topic, { after, limit }, options)));
    },
  }];
}
