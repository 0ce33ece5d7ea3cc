/**
 * How values on the command line are read: with the formats of the settings, so that a duration is written the
 * same way everywhere, and a refusal says what was given and what is allowed.
 */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { ADDRESS, type Format, integer, seconds } from "../config/formats.ts";
import { LIMITS } from "../limits.ts";

function reader<T>(format: Format<T>): (text: string) => T {
  return (text) => {
    const value = format.parse(text);
    if (value === null) throw new InvalidArgumentError(`Allowed: ${format.allowed}.`);
    return value;
  };
}

/** Seconds to milliseconds. */
export const readWait = reader(seconds(0, LIMITS.lockWaitMaxMs / 1000));
/** Seconds to milliseconds. */
export const readTtl = reader(seconds(LIMITS.lockTtlMinMs / 1000, LIMITS.lockTtlMaxMs / 1000));
/** Seconds to milliseconds. */
export const readGrace = reader(seconds(0, 3600));
/** Seconds to milliseconds. */
export const readTimeout = reader(seconds(0.1, 60));
export const readAddress = reader(ADDRESS);
export const readFencingToken = reader(integer(1, Number.MAX_SAFE_INTEGER));

/** @returns what reads a whole number within these bounds, both included */
export function readInteger(min: number, max: number): (text: string) => number {
  return reader(integer(min, max));
}

/** Seconds to milliseconds: how long a topic's messages are invisible once they are delivered. */
export const readVisibility = reader(
  seconds(LIMITS.queueVisibilityMinMs / 1000, LIMITS.queueVisibilityMaxMs / 1000),
);
/** Seconds to milliseconds: how long to wait for a message. */
export const readMessageWait = reader(seconds(0, LIMITS.queueWaitMaxMs / 1000));
/** Seconds to milliseconds. */
export const readDelay = reader(seconds(0, LIMITS.queueDelayMaxMs / 1000));
/** Seconds to milliseconds. */
export const readMessageTtl = reader(
  seconds(LIMITS.queueTtlMinMs / 1000, LIMITS.queueTtlMaxMs / 1000),
);
/** Seconds to milliseconds. */
export const readDedupWindow = reader(seconds(0, LIMITS.queueDedupWindowMaxMs / 1000));
export const readPriority = reader(integer(0, 9));

const BACKOFF_DELAY = seconds(0, LIMITS.queueDelayMaxMs / 1000);

/** `1,5,30` in seconds, or `none`, to milliseconds. */
export const readBackoff = reader<readonly number[]>({
  allowed:
    `none, or at most ${LIMITS.queueBackoffsMax} times ${BACKOFF_DELAY.allowed}, with commas`,
  parse: (text) => {
    if (text === "none") return [];
    const delaysMs = text.split(",").map((part) => BACKOFF_DELAY.parse(part.trim()));
    if (delaysMs.length > LIMITS.queueBackoffsMax) return null;
    return delaysMs.every((delayMs) => delayMs !== null) ? delaysMs : null;
  },
});

/** Seconds to milliseconds: when a cached value is over. */
export const readCacheTtl = reader(
  seconds(LIMITS.cacheTtlMinMs / 1000, LIMITS.cacheTtlMaxMs / 1000),
);
/** Seconds to milliseconds: how long to wait for what another caller computes. */
export const readFillWait = reader(seconds(0, LIMITS.cacheWaitMaxMs / 1000));
/** Seconds to milliseconds: how often to look. */
export const readInterval = reader(seconds(0.05, 3600));

/** 0 to 1, without 1 itself. */
export const readShare = reader<number>({
  allowed: "a number from 0 to 0.99",
  parse: (text) => /^(?:0|0?\.\d{1,6})$/.test(text) && Number(text) <= 0.99 ? Number(text) : null,
});
