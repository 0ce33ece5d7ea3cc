/**
 * POST /cache/put, also called /cache/write. The value is stored as the bytes that were sent.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { JsonBody } from "./body.ts";
import {
  CACHE_ERRORS,
  keyField,
  opaqueField,
  stateField,
  ttlField,
  valueField,
} from "./cache_fields.ts";
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
import { copyField } from "./json_field.ts";
import type { PutAnswer, PutRequest } from "../cache/cache.ts";
import { SkeinError } from "../errors.ts";

const FIELDS = {
  key: keyField,
  ttl: ttlField.nullish(),
  durable: z.boolean().nullish().openapi({
    description: "answered only when the write is committed: it is never lost",
  }),
  if_version: opaqueField.nullable().optional().openapi({
    description: "written only over this version; null: only where there is no value; absent: " +
      "whatever there is",
  }),
  fill_token: opaqueField.nullish().openapi({
    description: "of a get with fill, whose value this is",
  }),
};

/** Without the value, which is taken from the body's own text. */
const PutSchema = z.object(FIELDS);
const DocumentedSchema = z.object({ ...FIELDS, value: valueField }).openapi("CachePut");

const WrittenSchema = z.object({
  success: successField,
  status: z.literal("written"),
  state: stateField,
  version: z.string().openapi({ description: "of this write, for if_version" }),
}).openapi("CacheWritten");

/** @throws {SkeinError} INVALID */
function readPut({ object, bytes }: JsonBody): Omit<PutRequest, "request"> {
  const { key, ttl, durable, if_version, fill_token } = validate(PutSchema, object);
  const data = copyField(bytes, "value");
  if (data === null) throw new SkeinError("INVALID", "value: is missing", { field: "value" });
  return {
    key,
    data,
    ttlMs: toMsOrNull(ttl),
    durable: durable === true,
    ifVersion: if_version,
    fillToken: fill_token ?? null,
  };
}

/** @throws {SkeinError} CONFLICT */
function writtenBody(
  { key, fillToken }: Pick<PutRequest, "key" | "fillToken">,
  written: PutAnswer,
): z.output<typeof WrittenSchema> {
  if (written.ok) {
    const { state, version } = written;
    return { success: true, status: "written", state, version };
  }
  const { code, version } = written;
  const has = version === null ? "no value" : `version ${version}`;
  const over = fillToken === null ? "" : "the fill token is over, or somebody put a value before: ";
  throw new SkeinError(code, `${over}the key ${JSON.stringify(key)} has ${has}`, { version });
}

function putEndpoint({ peer, bodies, gate }: Site, path: string, summary: string): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path,
      tags: ["cache"],
      summary,
      request: jsonBody(DocumentedSchema),
      responses: {
        200: jsonResponse("Written; no other peer has an older value any more", WrittenSchema),
        409: errorResponse(
          "CONFLICT: the key has another version, which is named; or the fill token is over",
        ),
        ...CACHE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = readPut(await bodies.readJson(request));
      const key = requestKeyOf(request, gate.principal);
      const written = await peer.cache.put({ ...asked, request: key });
      return answer(writtenBody(asked, written));
    },
  };
}

/** The routes that write. */
export function cachePutEndpoints(site: Site): readonly Endpoint[] {
  return [
    putEndpoint(site, "/cache/put", "Write a value, after which no peer reads an older one"),
    putEndpoint(site, "/cache/write", "The same as /cache/put"),
  ];
}
