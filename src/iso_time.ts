/**
 * ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` has it. Status reads spend most of their
 * time in that method; here the part down to the minute is kept, because times asked for lie close together.
 */

const MINUTE_MS = 60_000;
/** A power of two: the minute picks its place by its last bits. */
const KEPT_MINUTES = 64;

const minutes = new Float64Array(KEPT_MINUTES).fill(NaN);
const prefixes: string[] = new Array(KEPT_MINUTES).fill("");
const SECONDS = digits(60, 2, ".");
const MILLISECONDS = digits(1000, 3, "Z");

/** @param ms milliseconds since 1970; a fraction is cut off */
export function isoTime(ms: number): string {
  const wallMs = Math.floor(ms);
  const minute = Math.floor(wallMs / MINUTE_MS);
  const place = minute & (KEPT_MINUTES - 1);
  if (minutes[place] !== minute) {
    const whole = new Date(minute * MINUTE_MS).toISOString();
    prefixes[place] = whole.slice(0, -"00.000Z".length);
    minutes[place] = minute;
  }
  const inMinuteMs = wallMs - minute * MINUTE_MS;
  const second = Math.floor(inMinuteMs / 1000);
  return prefixes[place]! + SECONDS[second]! + MILLISECONDS[inMinuteMs - second * 1000]!;
}

/** The numbers below `count` with leading zeros, each with the same end. */
function digits(count: number, width: number, end: string): readonly string[] {
  return Array.from({ length: count }, (_, value) => String(value).padStart(width, "0") + end);
}
