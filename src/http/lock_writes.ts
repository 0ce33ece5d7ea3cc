/**
 * POST /lock/acquire, /lock/release and /lock/renew. In the second dialect (see `lock_dialects.ts`) a refused
 * acquire, and any request that was not forwarded, is a 200 with `success: false`. The rules of locks
 * themselves are in `src/locks/`.
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
  successField,
} from "./fields.ts";
import { refusalToForward } from "./leader.ts";
import {
  AcquireSchema,
  type Asked,
  HeldSchema,
  readAcquire,
  readHeld,
  readRenew,
  RenewSchema,
  subjectOf,
} from "./lock_dialects.ts";
import { holderBody, HolderSchema, WaitForEdgeSchema } from "./lock_views.ts";
import { SkeinError } from "../errors.ts";
import type { AcquireResult, WaitForEdge } from "../locks/locks.ts";

const SYSTEM_GROUP = 0;

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

const WRITE_ERRORS = {
  400: errorResponse("Not a JSON object, or both dialects at once"),
  413: errorResponse("The body is too large"),
  422: errorResponse("A field is missing or out of its bounds"),
  429: errorResponse("Too much is waiting already"),
  503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
  504: errorResponse("OUTCOME_UNKNOWN: try again with the same request id"),
};

const NOT_HELD = errorResponse("NOT_HELD: not by this owner, or not under this token");

function acquire({ peer, bodies, gate, options }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/lock/acquire",
      tags: ["locks"],
      summary: "Take a lock, or wait for it",
      request: jsonBody(AcquireSchema),
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
      const asked = readAcquire(await bodies.readObject(request));
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, asked);
      const { resource, owner, mode, waitMs, ttlMs } = asked;
      const result = await peer.locks.acquire({
        resource,
        owner,
        mode,
        waitMs,
        ttlMs: ttlMs ?? options.lockTtlMs,
        request: requestKeyOf(request, gate.principal),
        signal: request.signal,
      });
      if (!result.ok) return refuse(acquireError(result, asked), asked);
      return answer(grantBody(asked, result));
    },
  };
}

function release({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/lock/release",
      tags: ["locks"],
      summary: "Give a lock back",
      request: jsonBody(HeldSchema),
      responses: {
        200: jsonResponse("Released", z.looseObject({ success: successField })),
        409: NOT_HELD,
        ...WRITE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = readHeld(await bodies.readObject(request));
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, asked);
      const { resource, owner, fencingToken } = asked;
      const key = requestKeyOf(request, gate.principal);
      const result = await peer.locks.release({ resource, owner, fencingToken, request: key });
      if (!result.ok) throw notHeld(asked);
      return answer({ success: true, ...subjectOf(asked) });
    },
  };
}

function renew({ peer, bodies, gate }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/lock/renew",
      tags: ["locks"],
      summary: "Lengthen a lease",
      request: jsonBody(RenewSchema),
      responses: {
        200: jsonResponse("Renewed", GrantSchema),
        409: NOT_HELD,
        ...WRITE_ERRORS,
      },
    }),
    access: "token",
    async handle(request) {
      const asked = readRenew(await bodies.readObject(request));
      const notHere = refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) return refuse(notHere, asked);
      const { resource, owner, fencingToken, ttlMs } = asked;
      const key = requestKeyOf(request, gate.principal);
      const result = await peer.locks.renew({ resource, owner, fencingToken, ttlMs, request: key });
      if (!result.ok) throw notHeld(asked);
      return answer(grantBody(asked, result));
    },
  };
}

/** To the second dialect this is an answer like others, not an error of HTTP. */
function refuse(error: SkeinError, { isSecondDialect }: Asked): Response {
  if (!isSecondDialect) throw error;
  return answer(errorBody(error));
}

function acquireError(result: AcquireResult & { ok: false }, asked: Asked): SkeinError {
  const lock = JSON.stringify(asked.resource);
  const subject = subjectOf(asked);
  switch (result.code) {
    case "LOCK_HELD": {
      const owners = result.holders.map(({ owner }) => JSON.stringify(owner)).join(", ");
      const message = `the lock ${lock} is held by ${owners || "waiters before you"}`;
      return new SkeinError("LOCK_HELD", message, {
        ...subject,
        holders: result.holders.map(holderBody),
      });
    }
    case "DEADLOCK": {
      const message = `waiting for ${lock} would never end: ${around(result.cycle)}`;
      return new SkeinError("DEADLOCK", message, { ...subject, cycle: result.cycle });
    }
    case "LEASE_EXPIRED": {
      const message = `the grant of ${lock} by this request id has ended`;
      return new SkeinError("LEASE_EXPIRED", message, subject);
    }
  }
}

function around(cycle: readonly WaitForEdge[]): string {
  return cycle.map(({ owner, resource }) => `${owner} waits for ${resource}`).join(", ");
}

function notHeld(asked: Asked): SkeinError {
  const message = `the lock ${JSON.stringify(asked.resource)} is not held by ` +
    `${JSON.stringify(asked.owner)}, or not under this fencing token`;
  return new SkeinError("NOT_HELD", message, subjectOf(asked));
}

function grantBody(asked: Asked, grant: { fencingToken: number; expiresAt: string }) {
  return {
    success: true,
    fencing_token: grant.fencingToken,
    expires_at: grant.expiresAt,
    ...subjectOf(asked),
  };
}

/** The routes that change locks. */
export function lockWriteEndpoints(site: Site): readonly Endpoint[] {
  return [acquire(site), release(site), renew(site)];
}
