/**
 * The fields that the queue's routes share, and the names of topics. `TOPIC.dead` names the dead letters of a topic:
 * routes that show or manage dead letters take it in place of the topic, all others refuse it, so that no
 * topic of its own can have such a name.
 */
import { z } from "@hono/zod-openapi";
import { errorResponse, isName, nameField, secondsField } from "./fields.ts";
import { LIMITS } from "../limits.ts";

const DEAD_SUFFIX = ".dead";

const NAME_RULE =
  `must be 1 to ${LIMITS.nameBytesMax} bytes of UTF-8 without control characters, and must not end ` +
  `in ${DEAD_SUFFIX}`;

/** A topic; the name of its dead letters is refused. */
export const topicField = z.string()
  .refine((text) => isName(text, LIMITS.nameBytesMax) && !text.endsWith(DEAD_SUFFIX), {
    message: `${NAME_RULE}, which names dead letters: see /queue/dead and /queue/requeue`,
  })
  .openapi({ description: "the topic", minLength: 1, maxLength: LIMITS.nameBytesMax });

/** A topic, or the name of its dead letters; `topicOf` tells which topic that is. */
export const topicOrDeadField = z.string()
  .refine(
    (text) => isName(topicOf(text), LIMITS.nameBytesMax) && !topicOf(text).endsWith(DEAD_SUFFIX),
    { message: `${NAME_RULE} twice` },
  )
  .openapi({
    description: `the topic, or TOPIC${DEAD_SUFFIX}, which names its dead letters`,
    minLength: 1,
    maxLength: LIMITS.nameBytesMax + DEAD_SUFFIX.length,
  });

/** @param name what `topicOrDeadField` let through */
export function topicOf(name: string): string {
  return namesDead(name) ? name.slice(0, -DEAD_SUFFIX.length) : name;
}

/** Whether this is the name of a topic's dead letters. */
export function namesDead(name: string): boolean {
  return name.endsWith(DEAD_SUFFIX);
}

/** How a topic's dead letters are called. */
export function deadNameOf(topic: string): string {
  return `${topic}${DEAD_SUFFIX}`;
}

export const messageIdField = nameField("the message's id");

export const delayField = secondsField(
  0,
  LIMITS.queueDelayMaxMs,
  "how long it is not delivered, in seconds",
);

export const visibilityField = secondsField(
  LIMITS.queueVisibilityMinMs,
  LIMITS.queueVisibilityMaxMs,
  "seconds after which what is not acknowledged is delivered again; else the topic's",
);

export const priorityField = z.number().int().min(0).max(9)
  .openapi({ description: "9 is delivered first; 0 where absent" });

/** Any JSON value. */
export const dataField = z.unknown().refine((value) => value !== undefined, {
  message: "is missing",
}).openapi({ description: "any JSON value; delivered as the text that was sent" });

/** Errors of every route of the queue. */
export const QUEUE_ERRORS = {
  400: errorResponse("Not a JSON object, or one field under two names"),
  413: errorResponse("The body is too large"),
  422: errorResponse("A field is missing or out of its bounds"),
  429: errorResponse("Too much is waiting already"),
  503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
  504: errorResponse("OUTCOME_UNKNOWN: try again with the same request id"),
};

export const UNKNOWN_TOPIC = errorResponse("There is no such topic");
