/**
 * One route: its definition (from which OpenAPI is made and to which its handler's schemas belong) and
 * its handler. A handler takes the plain request and returns a response or throws `SkeinError`; what all
 * routes share (token, bound of requests in flight, rendering of errors, counting) is wrapped around it
 * here, in one function, because a chain of middleware costs more than most requests do.
 */
import type { RouteConfig } from "@hono/zod-openapi";
import type { Context } from "hono";
import { asSkeinError, callerGone, errorAnswer } from "./answer.ts";
import type { BodyReader } from "./body.ts";
import type { Gate } from "./caller.ts";
import type { InFlight } from "./in_flight.ts";
import type { HttpOptions } from "./options.ts";
import type { Peer } from "../peer/peer.ts";
import type { RequestCounters } from "./request_counters.ts";

/** What handlers work with; one a server. */
export interface Site {
  readonly peer: Peer;
  readonly options: HttpOptions;
  readonly bodies: BodyReader;
  readonly gate: Gate;
  readonly counters: RequestCounters;
  readonly inFlight: InFlight;
  /** Bodies that are written for as long as somebody reads them. */
  readonly streams: InFlight;
}

export interface Endpoint {
  readonly route: RouteConfig;
  /** Open ones need no token: load balancers ask for health, and a page of words holds no secret. */
  readonly access: "open" | "token";
  handle(request: Request): Response | Promise<Response>;
}

/** Anything thrown as a response; what is a bug of ours is logged in full. */
export function respondToThrown(site: Site, thrown: unknown, path: string): Response {
  const error = asSkeinError(thrown);
  site.counters.countError(error.code);
  if (error !== thrown) {
    const text = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
    site.peer.logger.log("error", `could not answer ${path}: ${text}`);
  }
  return errorAnswer(error);
}

/** @returns what Hono calls for each request of this route */
export function handlerOf(site: Site, endpoint: Endpoint): (context: Context) => Promise<Response> {
  const { peer, gate, inFlight, options: { clock } } = site;
  const { method, path } = endpoint.route;
  const observed = site.counters.route(method, path);
  const needsToken = endpoint.access === "token";
  const answerTo = async (request: Request): Promise<Response> => {
    inFlight.enter();
    try {
      if (needsToken) gate.admit(request);
      return await endpoint.handle(request);
    } finally {
      inFlight.leave();
    }
  };
  return async (context) => {
    const startedMs = clock.monotonicMs();
    let response: Response;
    try {
      response = await answerTo(context.req.raw);
    } catch (thrown) {
      const { signal } = context.req.raw;
      const isGone = signal.aborted && thrown === signal.reason;
      response = isGone ? callerGone() : respondToThrown(site, thrown, path);
    }
    observed.observe(response.status, clock.monotonicMs() - startedMs);
    // Its client goes elsewhere by itself, before the connection is closed under a request.
    if (peer.draining) response.headers.set("connection", "close");
    return response;
  };
}
