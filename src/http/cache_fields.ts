/**
 * The fields and errors that the cache's routes share. Each route that reads or writes has two names, so that existing
 * scripts find theirs.
 */
import { z } from "@hono/zod-openapi";
import { errorResponse, nameField, secondsField } from "./fields.ts";
import { LIMITS } from "../limits.ts";

export const keyField = nameField("the key", LIMITS.ringKeyBytesMax);

export const ttlField = secondsField(
  LIMITS.cacheTtlMinMs,
  LIMITS.cacheTtlMaxMs,
  "seconds after which there is no value any more; for ever where absent",
);

/** Longer than any text of the cache's own. */
export const opaqueField = z.string().min(1).max(LIMITS.nameBytesMax);

/** Any JSON value. */
export const valueField = z.unknown().refine((value) => value !== undefined, {
  message: "is missing",
}).openapi({ description: "any JSON value; read as the text that was sent" });

export const stateField = z.enum(["M", "E", "S", "I"]).openapi({
  description: "of the line at the peer that answers: Modified, Exclusive, Shared, Invalid",
});

export const versionField = z.string().nullable().openapi({
  description: "names one write of the key, and never comes again; null: no value",
});

/** Of routes that have no other conflict. */
export const NO_STRING_ERROR = errorResponse(
  "CONFLICT: the key is no string in the Redis that the cache stands in front of",
);

/** Errors of every route of the cache that takes a body. */
export const CACHE_ERRORS = {
  400: errorResponse("Not a JSON object"),
  413: errorResponse("The body is too large"),
  422: errorResponse("A field is missing, of another type or out of its bounds"),
  429: errorResponse("The partition holds too much, or too many wait"),
  503: errorResponse("The key's home cannot be reached"),
  504: errorResponse("OUTCOME_UNKNOWN: a write may have been done, or not"),
};
