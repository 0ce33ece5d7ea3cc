/**
 * GET /events/stream: a topic's events as server-sent events, those that are there and then those that come. Each has its
 * offset as its id, so a reader that was cut off goes on behind the last one that came whole, at this peer or any
 * other: nothing is missed, and nothing comes twice. A peer that stops ends its streams between two events.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { Endpoint, Site } from "./endpoint.ts";
import { afterField, NO_LEADER, topicField } from "./event_fields.ts";
import { eventText } from "./event_text.ts";
import { errorResponse, validate, validateQuery } from "./fields.ts";
import { forwardField, refusalToForwardTo } from "./leader.ts";
import { pulledBody } from "./pulled_body.ts";
import { SkeinError } from "../errors.ts";
import type { StoredEvent } from "../events/events.ts";

const RECONNECT_AFTER_MS = 1_000;
/** Comes at once, so that a reader knows that it is connected. */
const BEGINNING = `retry: ${RECONNECT_AFTER_MS}\n\n`;
const HEARTBEAT = ": still here\n\n";
const LAST_ID_HEADER = "last-event-id";

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // What proxies else do with answers is to collect them.
  "x-accel-buffering": "no",
};

const StreamQuery = z.object({ topic: topicField, after: afterField, forward: forwardField });
const StreamHeaders = z.object({
  "last-event-id": afterField.openapi({
    description: "goes on behind the event with this id; counts more than `after`",
    type: "integer",
  }),
});

/** A payload may have line breaks between its parts, which would end a line of the stream. */
const LINE_BREAKS = /[\r\n]+/g;

async function* streamTexts(
  topic: string,
  pages: AsyncIterable<readonly StoredEvent[]>,
): AsyncGenerator<string> {
  const topicJson = JSON.stringify(topic);
  yield BEGINNING;
  try {
    for await (const events of pages) {
      let text = "";
      for (const event of events) {
        const json = eventText(topicJson, event).replace(LINE_BREAKS, " ");
        text += `id: ${event.offset}\ndata: ${json}\n\n`;
      }
      yield text;
    }
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    // The reader comes again, and is then answered with what is wrong, if it still is.
    yield `: ends: ${error.code}\n\n`;
  }
}

/** @returns the last id that the reader had; null: it asks for no place */
function placeOf(request: Request, after: number | undefined): number | null {
  const header = request.headers.get(LAST_ID_HEADER);
  if (header === null || header === "") return after ?? null;
  return validate(StreamHeaders, { [LAST_ID_HEADER]: header })[LAST_ID_HEADER] ?? null;
}

/** The route that streams. */
export function eventStreamEndpoints(site: Site): readonly Endpoint[] {
  const { peer, streams, options: { clock } } = site;
  return [{
    route: createRoute({
      method: "get",
      path: "/events/stream",
      tags: ["events"],
      summary: "A topic's events as server-sent events, without an end",
      request: { query: StreamQuery, headers: StreamHeaders },
      responses: {
        200: {
          description:
            "Of each event its offset as `id`, and as `data` what /events shows of it. " +
            "Comments keep the connection alive; a peer that stops ends it",
          content: { "text/event-stream": { schema: z.string() } },
        },
        422: errorResponse("No topic, or a name or an offset out of its bounds"),
        429: errorResponse("Too many readers of whole topics and streams"),
        503: NO_LEADER,
      },
    }),
    access: "token",
    handle(request) {
      const { topic, after } = validateQuery(StreamQuery, request.url);
      const from = placeOf(request, after);
      const notHere = refusalToForwardTo(peer, request, "events", topic);
      if (notHere !== null) throw notHere;
      if (peer.draining) throw new SkeinError("SHUTTING_DOWN", "this peer is about to stop");
      if (request.method === "HEAD") return new Response(null, { headers: STREAM_HEADERS });
      const { events } = peer;
      streams.enter();
      const ending = new AbortController();
      const texts = streamTexts(topic, events.tail(topic, from, ending.signal));
      const ended = () => {
        ending.abort();
        streams.leave();
      };
      const body = pulledBody(texts, { clock, heartbeat: HEARTBEAT, ended });
      return new Response(body, { headers: STREAM_HEADERS });
    },
  }];
}
