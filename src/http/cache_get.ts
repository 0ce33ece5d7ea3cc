/**
 * POST /cache/get, also called /cache/read. What is answered from a line of this peer is on the way of most requests:
 * the value is JSON already, and goes into the answer as it is.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answerText } from "./answer.ts";
import {
  CACHE_ERRORS,
  keyField,
  NO_STRING_ERROR,
  opaqueField,
  stateField,
  valueField,
  versionField,
} from "./cache_fields.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  jsonBody,
  jsonResponse,
  secondsField,
  successField,
  toMs,
  toMsOrNull,
  validate,
} from "./fields.ts";
import type { GetAnswer } from "../cache/cache.ts";
import { LIMITS } from "../limits.ts";

const GetSchema = z.object({
  key: keyField,
  fill: z.boolean().nullish().openapi({
    description:
      "where there is no value, one caller in the cluster gets a fill_token and is to put " +
      "one; the others wait for it",
  }),
  wait: secondsField(
    0,
    LIMITS.cacheWaitMaxMs,
    "with fill: how long to wait for what another caller computes, in seconds; 0 where absent",
  ).nullish(),
  fill_ttl: secondsField(
    LIMITS.cacheTtlMinMs,
    LIMITS.cacheTtlMaxMs,
    "with fill: how long the token is good for, in seconds; 30 where absent",
  ).nullish(),
}).openapi("CacheGet");

const ValueSchema = z.object({
  success: successField,
  status: z.enum(["hit", "filled"]).openapi({
    description: "hit: this peer had it; filled: it was fetched, or computed by somebody meanwhile",
  }),
  state: stateField,
  version: z.string().openapi({ description: "for if_version" }),
  expires_at: z.iso.datetime().nullable().openapi({ description: "a hint; null: for ever" }),
  value: valueField,
}).openapi("CacheValue");

const MissSchema = z.object({
  success: successField,
  status: z.literal("miss"),
  state: stateField,
  version: versionField,
  expires_at: z.null(),
  value: z.null(),
  fill_token: opaqueField.nullable().openapi({
    description: "with fill: this caller is the one to compute the value, and puts it with this",
  }),
}).openapi("CacheMiss");

const decoder = new TextDecoder();

/** As text: to put the same together from bytes costs five times as much, which is a third of a hit. */
function readText({ status, state, value, fillToken }: GetAnswer): string {
  const head = `{"success":true,"status":"${status}","state":"${state}","version":`;
  if (value === null) {
    return `${head}null,"expires_at":null,"value":null,"fill_token":${JSON.stringify(fillToken)}}`;
  }
  const { data, version, expiresAt } = value;
  const expiry = expiresAt === null ? "null" : `"${expiresAt}"`;
  return `${head}"${version}","expires_at":${expiry},"value":${decoder.decode(data)}}`;
}

function getEndpoint({ peer, bodies }: Site, path: string, summary: string): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path,
      tags: ["cache"],
      summary,
      request: jsonBody(GetSchema),
      responses: {
        200: jsonResponse(
          "The value; or, with status miss, that there is none",
          z.union([ValueSchema, MissSchema]),
        ),
        409: NO_STRING_ERROR,
        ...CACHE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const { key, fill, wait, fill_ttl } = validate(GetSchema, await bodies.readObject(request));
      const waitMs = fill === true ? toMs(wait ?? 0) : 0;
      const found = await peer.cache.get({
        key,
        fill: fill === true,
        waitMs,
        fillTtlMs: toMsOrNull(fill_ttl),
        // A signal costs more than a hit does.
        signal: waitMs > 0 ? request.signal : null,
      });
      return answerText(readText(found));
    },
  };
}

/** The routes that read. */
export function cacheGetEndpoints(site: Site): readonly Endpoint[] {
  return [
    getEndpoint(site, "/cache/get", "Read a value, from this peer's own line where it has one"),
    getEndpoint(site, "/cache/read", "The same as /cache/get"),
  ];
}
