/**
 * GET /lock/status, /locks and /lock/graph: who holds what, who waits, and for whom. Linearizable, or
 * from this peer's own state with `?stale=true`. The shapes of holders and edges here are also those
 * that a refused acquire shows.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer, errorBody } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  fencingTokenField,
  flagField,
  isOn,
  jsonResponse,
  nameField,
  successField,
  validateQuery,
} from "./fields.ts";
import { forwardField, refusalToForward } from "./leader.ts";
import { bothNames } from "./lock_dialects.ts";
import { SkeinError } from "../errors.ts";
import type { HolderView, LockView, ReadOptions, WaitForEdge } from "../locks/locks.ts";

const SYSTEM_GROUP = 0;

const modeField = z.enum(["shared", "exclusive"]);

export const HolderSchema = z.object({
  owner: z.string(),
  mode: modeField,
  acquired_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  fencing_token: fencingTokenField,
}).openapi("LockHolder");

const WaiterSchema = z.object({
  owner: z.string(),
  mode: modeField,
  waiting_since: z.iso.datetime(),
}).openapi("LockWaiter");

export const WaitForEdgeSchema = z.object({
  owner: z.string().openapi({ description: "who waits" }),
  resource: z.string(),
  holders: z.array(z.string()).openapi({
    description: "the holders and earlier waiters in the way",
  }),
}).openapi("WaitForEdge");

const LockSchema = z.object({
  resource: z.string(),
  holders: z.array(HolderSchema),
  waiters: z.array(WaiterSchema),
}).openapi("Lock");

const staleField = flagField("answer from this peer's own state, which may lag behind");

const StatusQuery = z.object({
  resource: nameField("the lock").optional(),
  lock_name: nameField("the same, in the second dialect").optional(),
  stale: staleField,
  forward: forwardField,
});
const ViewQuery = z.object({ stale: staleField, forward: forwardField });

/** A holder as JSON shows it. */
export function holderBody(holder: HolderView): z.output<typeof HolderSchema> {
  return {
    owner: holder.owner,
    mode: holder.mode,
    acquired_at: holder.acquiredAt,
    expires_at: holder.expiresAt,
    fencing_token: holder.fencingToken,
  };
}

function lockBody(lock: LockView): z.output<typeof LockSchema> {
  return {
    resource: lock.resource,
    holders: lock.holders.map(holderBody),
    waiters: lock.waiters.map(({ owner, mode, waitingSince }) => ({
      owner,
      mode,
      waiting_since: waitingSince,
    })),
  };
}

function edgeBody({ owner, resource, holders }: WaitForEdge): z.output<typeof WaitForEdgeSchema> {
  return { owner, resource, holders: [...holders] };
}

/** Which lock is asked for, under either of its names. */
function lockOf(query: z.output<typeof StatusQuery>): string {
  const { resource, lock_name } = query;
  if (resource !== undefined && lock_name !== undefined) throw bothNames();
  const name = resource ?? lock_name;
  if (name === undefined) {
    throw new SkeinError("INVALID", "resource: is missing", { field: "resource" });
  }
  return name;
}

function status({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/lock/status",
      tags: ["locks"],
      summary: "Who holds a lock, and who waits for it",
      request: { query: StatusQuery },
      responses: {
        200: jsonResponse("The lock", LockSchema.extend({ success: successField })),
        404: errorResponse("Nobody holds it and nobody waits"),
        422: errorResponse("No name, or one out of its bounds"),
        503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
      },
    }),
    access: "token",
    async handle(request) {
      const query = validateQuery(StatusQuery, request.url);
      const resource = lockOf(query);
      const stale = isOn(query.stale);
      const notHere = stale ? null : refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) {
        if (query.lock_name === undefined) throw notHere;
        return answer(errorBody(notHere));
      }
      const lock = await peer.locks.status(resource, { stale });
      if (lock === null) {
        throw new SkeinError("NOT_FOUND", `nobody holds the lock ${JSON.stringify(resource)}`);
      }
      return query.lock_name === undefined
        ? answer({ success: true, ...lockBody(lock) })
        : answer({ success: true, lock_name: resource, ...lockBody(lock) });
    },
  };
}

function list({ peer }: Site): Endpoint {
  const schema = z.object({ success: successField, locks: z.array(LockSchema) });
  const summary = "All locks that are held or waited for";
  return view(peer, "/locks", summary, jsonResponse("The locks", schema), async (options) => {
    const locks = await peer.locks.list(options);
    return { locks: locks.map(lockBody) };
  });
}

function graph({ peer }: Site): Endpoint {
  const schema = z.object({ success: successField, edges: z.array(WaitForEdgeSchema) });
  const summary = "The wait-for graph, in which deadlocks are found";
  const response = jsonResponse("One edge a waiter", schema);
  return view(peer, "/lock/graph", summary, response, async (options) => {
    const edges = await peer.locks.graph(options);
    return { edges: edges.map(edgeBody) };
  });
}

/** A look at all locks, which takes nothing but `stale`. */
function view(
  peer: Site["peer"],
  path: string,
  summary: string,
  response: ReturnType<typeof jsonResponse>,
  read: (options: ReadOptions) => Promise<Record<string, unknown>>,
): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path,
      tags: ["locks"],
      summary,
      request: { query: ViewQuery },
      responses: {
        200: response,
        503: errorResponse("No leader, or NOT_LEADER where forwarding was declined"),
      },
    }),
    access: "token",
    async handle(request) {
      const stale = isOn(validateQuery(ViewQuery, request.url).stale);
      const notHere = stale ? null : refusalToForward(peer, request, SYSTEM_GROUP);
      if (notHere !== null) throw notHere;
      return answer({ success: true, ...await read({ stale }) });
    },
  };
}

/** The routes that show locks. */
export function lockViewEndpoints(site: Site): readonly Endpoint[] {
  return [status(site), list(site), graph(site)];
}
