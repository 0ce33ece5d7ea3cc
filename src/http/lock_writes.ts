/**
 * POST /lock/acquire, /lock/release and /lock/renew, in both field dialects (design, "HTTP"). The field
 * `lock_name` selects the second one, in which an acquire is a try-lock whose lease lasts `timeout`, and a
 * refusal is a 200 with `success: false`. Rules of locks are not here: see `src/locks/`.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer, errorBody } from "./answer.ts";
import { requestKeyOf } from "./caller.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  fencingTokenField,
  jsonBody,
  jsonResponse,
  nameField,
  secondsField,
  successField,
  validate,
} from "./fields.ts";
import { refusalToForward } from "./leader.ts";
import { holderBody, HolderSchema, WaitForEdgeSchema } from "./lock_views.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { AcquireResult, LockMode, WaitForEdge } from "../locks/locks.ts";

const SYSTEM_GROUP = 0;

const modeField = z.enum(["shared", "exclusive"]).default("exclusive");
const ttl = (description: string) =>
  secondsField(LIMITS.lockTtlMinMs, LIMITS.lockTtlMaxMs, description).optional();
const resourceField = nameField("what is locked");
const ownerField = nameField("who locks; the same owner again refreshes its lease");

const AcquireSchema = z.object({
  resource: resourceField,
  owner: ownerField,
  mode: modeField,
  timeout: secondsField(0, LIMITS.lockWaitMaxMs, "how long to wait for the lock, in seconds")
    .default(0),
  ttl: ttl("how long the lease lasts, in seconds"),
}).openapi("LockAcquire");

const SecondAcquireSchema = z.object({
  lock_name: resourceField,
  client_id: ownerField,
  lock_type: modeField,
  timeout: ttl("how long the lease lasts, in seconds; the lock is not waited for"),
}).openapi("LockAcquireSecondDialect");

const HeldSchema = z.object({
  resource: resourceField,
  owner: ownerField,
  fencing_token: fencingTokenField.nullable().default(null),
}).openapi("LockHeld");

const SecondHeldSchema = z.object({
  lock_name: resourceField,
  client_id: ownerField,
  fencing_token: fencingTokenField.nullable().default(null),
}).openapi("LockHeldSecondDialect");

const RenewSchema = HeldSchema.extend({ ttl: ttl("the new lease from now; else as at acquire") })
  .openapi("LockRenew");
const SecondRenewSchema = SecondHeldSchema.extend({
  timeout: ttl("the new lease from now; else as at acquire"),
}).openapi("LockRenewSecondDialect");

const GrantSchema = z.looseObject({
  success: successField,
  fencing_token: fencingTokenField,
  expires_at: z.iso.datetime().openapi({ description: "a hint: leases end in group time" }),
}).openapi("LockGrant");

const RefusalSchema = z.looseObject({
  success: z.literal(false),
  error: z.string(),
  message: z.string(),
  holders: z.array(HolderSchema).optional(),
  cycle: z.array(WaitForEdgeSchema).optional(),
}).openapi("LockRefusal");

/** The fields of a request, whichever dialect it came in, and how to answer in that dialect. */
interface Asked {
  readonly resource: string;
  readonly owner: string;
  readonly second: boolean;
}

/** Every 2xx answer names what it is about in the words that it was asked with. */
function subject(asked: Asked): Record<string, unknown> {
  return asked.second
    ? { lock_name: asked.resource, client_id: asked.owner }
    : { resource: asked.resource, owner: asked.owner };
}

/** @throws {SkeinError} BAD_REQUEST where the body mixes the dialects */
function isSecondDialect(body: Record<string, unknown>): boolean {
  if (!Object.hasOwn(body, "lock_name")) return false;
  if (Object.hasOwn(body, "resource")) {
    throw new SkeinError(
      "BAD_REQUEST",
      "resource and lock_name are two names of one field: give one",
    );
  }
  return true;
}

/** In the second dialect a refused acquire, or one that was not forwarded, is no error to HTTP. */
function refuse(error: SkeinError, second: boolean): Response {
  if (!second) throw error;
  return answer(errorBody(error));
}

function acquireError(result: AcquireResult & { ok: false }, asked: Asked): SkeinError {
  const lock = JSON.stringify(asked.resource);
  switch (result.code) {
    case "LOCK_HELD": {
      const owners = result.holders.map((holder) => JSON.stringify(holder.owner)).join(", ");
      const holders = result.holders.map(holderBody);
      return new SkeinError(
        "LOCK_HELD",
        `the lock ${lock} is held by ${owners || "waiters before you"}`,
        {
          ...subject(asked),
          holders,
        },
      );
    }
    case "DEADLOCK":
      return new SkeinError(
        "DEADLOCK",
        `waiting for ${lock} would never end: ${around(result.cycle)}`,
        {
          ...subject(asked),
          cycle: result.cycle,
        },
      );
    case "LEASE_EXPIRED":
      return new SkeinError("LEASE_EXPIRED", `the grant of ${lock} by this request id has ended`, {
        ...subject(asked),
      });
  }
}

function around(cycle: readonly WaitForEdge[]): string {
  return cycle.map(({ owner, resource }) => `${owner} waits for ${resource}`).join(", ");
}

function acquire(site: Site): Endpoint {
  const { peer, bodies, gate, options } = site;
  const native = (body: Record<string, unknown>) => {
    const { resource, owner, mode, timeout, ttl } = validate(AcquireSchema, body);
    return { resource, owner, mode, waitMs: toMs(timeout), ttl, second: false };
  };
  const second = (body: Record<string, unknown>) => {
    const asked = validate(SecondAcquireSchema, body);
    return {
      resource: asked.lock_name,
      owner: asked.client_id,
      mode: asked.lock_type as LockMode,
      waitMs: 0,
      ttl: asked.timeout,
      second: true,
    };
  };
  return {
    route: createRoute({
      method: "post",
      path: "/lock/acquire",
      tags: ["locks"],
      summary: "Take a lock, or wait for it",
      request: jsonBody(z.union([AcquireSchema, SecondAcquireSchema])),
      responses: {
        200: jsonResponse(
          "Granted. In the second dialect also a refusal, with success: false",
          z.union([GrantSchema, RefusalSchema]),
        ),
        409: jsonResponse("LOCK_HELD, DEADLOCK or LEASE_EXPIRED", RefusalSchema),
        ...WRITE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const body = await bodies.readObject(request);
      const asked = isSecondDialect(body) ? second(body) : native(body);
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, asked.second);
      const result = await peer.locks.acquire({
        resource: asked.resource,
        owner: asked.owner,
        mode: asked.mode,
        waitMs: asked.waitMs,
        ttlMs: asked.ttl === undefined ? options.lockTtlMs : toMs(asked.ttl),
        request: requestKeyOf(request, gate.principal),
        signal: request.signal,
      });
      if (!result.ok) return refuse(acquireError(result, asked), asked.second);
      return answer(grantBody(asked, result));
    },
  };
}

function release(site: Site): Endpoint {
  const { peer, bodies, gate } = site;
  return {
    route: createRoute({
      method: "post",
      path: "/lock/release",
      tags: ["locks"],
      summary: "Give a lock back",
      request: jsonBody(z.union([HeldSchema, SecondHeldSchema])),
      responses: {
        200: jsonResponse("Released", z.looseObject({ success: successField })),
        409: errorResponse("NOT_HELD: not by this owner, or not under this token"),
        ...WRITE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const body = await bodies.readObject(request);
      const held = isSecondDialect(body)
        ? secondHeld(validate(SecondHeldSchema, body))
        : nativeHeld(validate(HeldSchema, body));
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, held.second);
      const result = await peer.locks.release({
        resource: held.resource,
        owner: held.owner,
        fencingToken: held.fencingToken,
        request: requestKeyOf(request, gate.principal),
      });
      if (!result.ok) throw notHeld(held);
      return answer({ success: true, ...subject(held) });
    },
  };
}

function renew(site: Site): Endpoint {
  const { peer, bodies, gate } = site;
  const native = (body: Record<string, unknown>) => {
    const asked = validate(RenewSchema, body);
    return { ...nativeHeld(asked), ttl: asked.ttl };
  };
  const second = (body: Record<string, unknown>) => {
    const asked = validate(SecondRenewSchema, body);
    return { ...secondHeld(asked), ttl: asked.timeout };
  };
  return {
    route: createRoute({
      method: "post",
      path: "/lock/renew",
      tags: ["locks"],
      summary: "Lengthen a lease",
      request: jsonBody(z.union([RenewSchema, SecondRenewSchema])),
      responses: {
        200: jsonResponse("Renewed", GrantSchema),
        409: errorResponse("NOT_HELD: not by this owner, or not under this token"),
        ...WRITE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const body = await bodies.readObject(request);
      const held = isSecondDialect(body) ? second(body) : native(body);
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, held.second);
      const result = await peer.locks.renew({
        resource: held.resource,
        owner: held.owner,
        fencingToken: held.fencingToken,
        ttlMs: held.ttl === undefined ? null : toMs(held.ttl),
        request: requestKeyOf(request, gate.principal),
      });
      if (!result.ok) throw notHeld(held);
      return answer(grantBody(held, result));
    },
  };
}

function nativeHeld(asked: z.output<typeof HeldSchema>) {
  const { resource, owner, fencing_token } = asked;
  return { resource, owner, fencingToken: fencing_token, second: false };
}

function secondHeld(asked: z.output<typeof SecondHeldSchema>) {
  const { lock_name, client_id, fencing_token } = asked;
  return { resource: lock_name, owner: client_id, fencingToken: fencing_token, second: true };
}

function grantBody(asked: Asked, grant: { fencingToken: number; expiresAt: string }) {
  return {
    success: true,
    fencing_token: grant.fencingToken,
    expires_at: grant.expiresAt,
    ...subject(asked),
  };
}

function notHeld(asked: Asked): SkeinError {
  return new SkeinError(
    "NOT_HELD",
    `the lock ${JSON.stringify(asked.resource)} is not held by ${JSON.stringify(asked.owner)}, ` +
      "or not under this fencing token",
    subject(asked),
  );
}

/** Group time counts whole milliseconds. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}

const WRITE_ERRORS = {
  400: errorResponse("Not a JSON object, or both dialects at once"),
  413: errorResponse("The body is too large"),
  422: errorResponse("A field is missing or out of its bounds"),
  429: errorResponse("Too much is waiting already"),
  503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
  504: errorResponse("OUTCOME_UNKNOWN: try again with the same request id"),
};

/** The routes that change locks. */
export function lockWriteEndpoints(site: Site): readonly Endpoint[] {
  return [acquire(site), release(site), renew(site)];
}
