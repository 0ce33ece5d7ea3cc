/**
 * GET /cache/state and /cache/stats: who holds a key's line, as its home knows, and what this peer's cache holds and did.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import { keyDocument, statsDocument } from "./cache_documents.ts";
import { keyField, stateField, versionField } from "./cache_fields.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { errorResponse, jsonResponse, successField, validateQuery } from "./fields.ts";
import { forwardField, nameOf, refusalToForwardTo } from "./leader.ts";
import type { CacheStats, KeyView } from "../cache/cache.ts";
import type { Peer } from "../peer/peer.ts";

const StateQuery = z.object({ key: keyField, forward: forwardField });

const KeySchema = z.object({
  key: z.string(),
  status: z.enum(["hit", "filled", "miss"]).openapi({
    description: "what a read at this peer would be answered with",
  }),
  state: stateField,
  version: versionField.openapi({ description: "what is written back; null: no value" }),
  partition: z.number().int().min(1),
  home: z.string().nullable().openapi({
    description: "the peer that keeps the directory; null: none now",
  }),
  holders: z.array(
    z.object({
      peer: z.string(),
      state: z.enum(["M", "E", "S", "I"]).openapi({
        description: "as the home knows it: an E may have become M without a message",
      }),
    }).openapi("CacheHolder"),
  ),
}).openapi("CacheState");

const countField = z.number().int().min(0);

const FrontSchema = z.object({
  write: z.enum(["back", "through"]),
  watch: z.enum(["tracking", "notifications", "ttl"]).nullable().openapi({
    description: "how changes by others are noticed; null: there is no connection",
  }),
  reason: z.string().nullable().openapi({ description: "why there is no connection" }),
  reads: countField,
  writes: countField,
  refused_by_term: countField.openapi({
    description: "writes of a home at this peer that another one had followed",
  }),
  changes: countField.openapi({ description: "changes by others of keys that were known here" }),
  reconnects: countField,
}).openapi("CacheRedisStats", { description: "of the Redis that the cache stands in front of" });

const StatsSchema = z.object({
  lines: countField,
  lines_max: countField,
  bytes: countField,
  dirty: countField.openapi({ description: "lines whose last write is not written back yet" }),
  hits: countField,
  misses: countField,
  writes: countField,
  invalidations: countField.openapi({
    description: "lines that went to Invalid by a write or an invalidate elsewhere",
  }),
  recalls: countField,
  evictions: countField,
  write_backs: countField,
  lost: countField.openapi({ description: "writes that were answered and then lost" }),
  messages_sent: countField,
  messages_received: countField,
  redis: FrontSchema.optional(),
}).openapi("CacheStats");

/** Typed, so that the documents and their schemas cannot differ. */
const keyBody: (view: KeyView) => z.output<typeof KeySchema> = keyDocument;
const statsBody: (stats: CacheStats) => z.output<typeof StatsSchema> = statsDocument;

/** The same view with the names of the peers in the place of their ids. */
function named(peer: Peer, view: KeyView): KeyView {
  return {
    ...view,
    home: view.home === null ? null : nameOf(peer, view.home),
    holders: view.holders.map((holder) => ({ ...holder, peer: nameOf(peer, holder.peer) })),
  };
}

function state({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/cache/state",
      tags: ["cache"],
      summary: "Who holds a key's line, as its home knows",
      request: { query: StateQuery },
      responses: {
        200: jsonResponse(
          "Every peer that holds it; none holds it where there are no holders",
          KeySchema.extend({ success: successField }).openapi("CacheStateAnswer"),
        ),
        422: errorResponse("No key, or one out of its bounds"),
        503: errorResponse("The key's home cannot be reached, or NOT_LEADER"),
      },
    }),
    access: "token",
    async handle(request) {
      const { key } = validateQuery(StateQuery, request.url);
      const notHere = refusalToForwardTo(peer, request, "cache", key);
      if (notHere !== null) throw notHere;
      return answer({ success: true, ...keyBody(named(peer, await peer.cache.state(key))) });
    },
  };
}

function stats({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/cache/stats",
      tags: ["cache"],
      summary: "What this peer's cache holds, and what it did since the peer started",
      responses: {
        200: jsonResponse(
          "Of this peer alone",
          StatsSchema.extend({ success: successField, peer: z.string() })
            .openapi("CacheStatsAnswer"),
        ),
        503: errorResponse("This peer has no cache yet"),
      },
    }),
    access: "token",
    handle: () => answer({ success: true, peer: peer.name, ...statsBody(peer.cache.stats()) }),
  };
}

/** The routes that show the cache. */
export function cacheViewEndpoints(site: Site): readonly Endpoint[] {
  return [state(site), stats(site)];
}
