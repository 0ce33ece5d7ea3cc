/**
 * POST /cache/delete and /cache/invalidate: a value goes, or the lines of all peers go and the value stays.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import { CACHE_ERRORS, keyField, NO_STRING_ERROR, stateField } from "./cache_fields.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { jsonBody, jsonResponse, successField, validate } from "./fields.ts";
import { refusalToForwardTo } from "./leader.ts";

const KeySchema = z.object({ key: keyField }).openapi("CacheKey");

const GONE_FIELDS = {
  success: successField,
  state: stateField,
  version: z.null().openapi({ description: "the line here has none" }),
};

const DeletedSchema = z.object({
  ...GONE_FIELDS,
  status: z.enum(["deleted", "miss"]).openapi({ description: "miss: there was no value" }),
}).openapi("CacheDeleted");

const InvalidatedSchema = z.object({ ...GONE_FIELDS, status: z.literal("invalidated") })
  .openapi("CacheInvalidated");

/** No line is left anywhere, this peer's included. */
function goneBody<S extends string>(status: S) {
  return { success: true, status, state: "I", version: null } as const;
}

const deletedBody: (existed: boolean) => z.output<typeof DeletedSchema> = (existed) =>
  goneBody(existed ? "deleted" : "miss");

const invalidatedBody: () => z.output<typeof InvalidatedSchema> = () => goneBody("invalidated");

function remove({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/cache/delete",
      tags: ["cache"],
      summary: "Remove a value, here and everywhere",
      request: jsonBody(KeySchema),
      responses: {
        200: jsonResponse("There is no value now", DeletedSchema),
        409: NO_STRING_ERROR,
        ...CACHE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const { key } = validate(KeySchema, await bodies.readObject(request));
      const notHere = refusalToForwardTo(peer, request, "cache", key);
      if (notHere !== null) throw notHere;
      const removed = await peer.cache.delete(key, requestKeyOf(request, gate.principal));
      return answer(deletedBody(removed.existed));
    },
  };
}

function invalidate({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/cache/invalidate",
      tags: ["cache"],
      summary: "Make the lines of all peers Invalid; the value stays at the key's home",
      request: jsonBody(KeySchema),
      responses: {
        200: jsonResponse("No peer has a line; what was written is kept", InvalidatedSchema),
        409: NO_STRING_ERROR,
        ...CACHE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const { key } = validate(KeySchema, await bodies.readObject(request));
      const notHere = refusalToForwardTo(peer, request, "cache", key);
      if (notHere !== null) throw notHere;
      await peer.cache.invalidate(key);
      return answer(invalidatedBody());
    },
  };
}

/** The routes that remove. */
export function cacheRemovalEndpoints(site: Site): readonly Endpoint[] {
  return [remove(site), invalidate(site)];
}
