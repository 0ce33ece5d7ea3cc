import assert from "node:assert/strict";
import { isTimestamp } from "../../src/events/timestamp.ts";

Deno.test("moments of ISO 8601 are taken, with and without fraction and zone", () => {
  const moments = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05",
    "2026-01-02T03:04:05.6",
    "2026-01-02T03:04:05.678901234+02:00",
    "2026-01-02T03:04:05,5-0930",
    "2026-01-02t03:04z",
    "2026-01-02 03:04:05+01",
    "2024-02-29",
    "2016-12-31T23:59:60Z",
  ];
  for (const moment of moments) assert.ok(isTimestamp(moment), moment);
});

Deno.test("what is no moment, or on no day, is not", () => {
  const others = [
    "",
    "now",
    "1767323045",
    "2026-1-2T03:04:05Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29",
    "1900-02-29",
    "2026-04-31T00:00:00Z",
    "2026-01-02T24:00:00Z",
    "2026-01-02T03:60:00Z",
    "2026-01-02T03:04:61Z",
    "2026-01-02T03:04:05+24:00",
    "2026-01-02T03:04:05Z ",
    "2026-01-02T",
    "2026-01-02T03:04:05.Z",
  ];
  for (const other of others) assert.ok(!isTimestamp(other), other);
});
