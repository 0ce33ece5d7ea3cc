/**
 * The fields that the event log's routes share: of events as they come in and go out, and of queries. What events may
 * say is checked by the service; here it is described.
 */
import { z } from "@hono/zod-openapi";
import { isTimestamp } from "../events/timestamp.ts";
import { errorResponse, flagField, nameField } from "./fields.ts";
import { LIMITS } from "../limits.ts";

const OFFSET_TEXT = /^(?:-1|\d{1,16})$/;

export const topicField = nameField("the topic");

export const eventIdField = nameField("with the topic it says which event it is, for ever");

export const timestampField = z.string().max(LIMITS.eventTimestampLengthMax).refine(isTimestamp, {
  message: "must be a time of ISO 8601",
}).openapi({
  description:
    "ISO 8601, with or without a fraction and a zone, kept as it is: without a zone it is " +
    "local time of whoever sent it; the time of arrival, in UTC, where absent",
});

export const offsetField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const countField = z.number().int().min(0);

/** A query parameter: only events behind this offset. */
export const afterField = z.string()
  .refine((text) => OFFSET_TEXT.test(text) && Number.isSafeInteger(Number(text)), {
    message: "must be an offset: a whole number from 0 on, or -1",
  })
  .transform(Number)
  .optional()
  .openapi({
    description: "only events behind this offset; from the first one where absent",
    type: "integer",
  });

export const staleField = flagField("answer from this peer's own state, which may lag behind");

/** A stored event, as pages and streams show it. */
export const EventSchema = z.object({
  topic: z.string(),
  event_id: z.string(),
  timestamp: z.string(),
  source: z.string().nullable(),
  payload: z.unknown().openapi({ description: "any JSON value, as the text that was published" }),
  offset: offsetField,
}).openapi("Event");

export const NO_LEADER = errorResponse("No leader, or NOT_LEADER where forwarding was declined");
