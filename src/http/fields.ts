/**
 * The field types that routes share, each defined once for validation, TypeScript and OpenAPI, and the
 * two ways to apply a schema. Bounds are those of the design, "HTTP"; past them a caller gets a 422 that
 * names the field.
 */
import { z } from "@hono/zod-openapi";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

// deno-lint-ignore no-control-regex -- finding control characters is the point
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;
const UTF8_BYTES_PER_UNIT_MAX = 3;
const encoder = new TextEncoder();

/** True for 1 to so many bytes of UTF-8 without control characters. */
export function isName(text: string, bytesMax: number): boolean {
  const { length } = text;
  if (length === 0 || length > bytesMax) return false;
  if (CONTROL_CHARACTER.test(text) || !text.isWellFormed()) return false;
  return length * UTF8_BYTES_PER_UNIT_MAX <= bytesMax || encoder.encode(text).length <= bytesMax;
}

/**
 * A resource, an owner, a topic: whatever callers name.
 * @param bytesMax that of names, except where more may be named
 */
export function nameField(description: string, bytesMax: number = LIMITS.nameBytesMax) {
  return z.string().refine((text) => isName(text, bytesMax), {
    message: `must be 1 to ${bytesMax} bytes of UTF-8 without control characters`,
  }).openapi({ description, minLength: 1, maxLength: bytesMax });
}

/** A span of time as scripts write it; the program itself counts in milliseconds. */
export function secondsField(minMs: number, maxMs: number, description: string) {
  return z.number().min(minMs / 1000).max(maxMs / 1000).openapi({ description });
}

/** Group time counts whole milliseconds. */
export function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** @param seconds null or absent: as nobody said */
export function toMsOrNull(seconds: number | null | undefined): number | null {
  return seconds === null || seconds === undefined ? null : toMs(seconds);
}

/** A query parameter that is on or off; given without a value it is on. */
export function flagField(description: string) {
  return z.enum(["", "true", "1", "false", "0"]).optional().openapi({
    description,
    type: "boolean",
  });
}

/** @param value what `flagField` let through */
export function isOn(value: string | undefined): boolean {
  return value === "" || value === "true" || value === "1";
}

export const fencingTokenField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const successField = z.literal(true);

/** The body of every error. Some have further fields, such as `holders`, `cycle` or `leader`. */
export const ErrorSchema = z.looseObject({
  success: z.literal(false),
  error: z.string().openapi({
    description: "a code that scripts can compare",
    example: "LOCK_HELD",
  }),
  message: z.string().openapi({ description: "one sentence for a person" }),
}).openapi("Error");

/** An error answer's entry in a route's definition. */
export function errorResponse(description: string) {
  return { description, content: { "application/json": { schema: ErrorSchema } } };
}

/** A JSON answer's entry in a route's definition. */
export function jsonResponse<S extends z.ZodType>(description: string, schema: S) {
  return { description, content: { "application/json": { schema } } };
}

/** A JSON request's entry in a route's definition. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { body: { required: true, content: { "application/json": { schema } } } };
}

/**
 * @returns the value as the schema gives it out, unknown fields dropped
 * @throws {SkeinError} INVALID, with the first field that is wrong
 */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.join(".");
  const subject = field === "" ? "the request" : field;
  throw new SkeinError("INVALID", `${subject}: ${issue.message}`, { field });
}

/**
 * @param url a request's URL; of a parameter that is given twice the first counts
 * @returns its query parameters, validated
 * @throws {SkeinError} INVALID
 */
export function validateQuery<S extends z.ZodType>(schema: S, url: string): z.output<S> {
  const start = url.indexOf("?");
  const given: Record<string, string> = Object.create(null);
  if (start !== -1) {
    for (const [name, value] of new URLSearchParams(url.slice(start + 1))) given[name] ??= value;
  }
  return validate(schema, given);
}
