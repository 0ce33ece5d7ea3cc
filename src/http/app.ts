/**
 * The assembly: every resource's endpoints on one Hono application, with our own answers where no route
 * matches. It opens no socket, so tests call it with `app.request`; `server.ts` puts it behind listeners.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { errorAnswer } from "./answer.ts";
import { BodyReader } from "./body.ts";
import { cacheGetEndpoints } from "./cache_get.ts";
import { cachePutEndpoints } from "./cache_put.ts";
import { cacheRemovalEndpoints } from "./cache_removal.ts";
import { cacheViewEndpoints } from "./cache_views.ts";
import { Gate } from "./caller.ts";
import { clusterEndpoints } from "./cluster.ts";
import { documentEndpoints } from "./documents.ts";
import { type Endpoint, handlerOf, respondToThrown, type Site } from "./endpoint.ts";
import { SkeinError } from "../errors.ts";
import { eventPublishEndpoints } from "./event_publish.ts";
import { eventReadEndpoints } from "./event_read.ts";
import { eventStreamEndpoints } from "./event_stream.ts";
import { eventViewEndpoints } from "./event_views.ts";
import { healthEndpoints } from "./health.ts";
import { InFlight } from "./in_flight.ts";
import { LIMITS } from "../limits.ts";
import { lockViewEndpoints } from "./lock_views.ts";
import { lockWriteEndpoints } from "./lock_writes.ts";
import { membershipEndpoints } from "./membership.ts";
import { metricsEndpoints } from "./metrics.ts";
import type { HttpOptions } from "./options.ts";
import type { Peer } from "../peer/peer.ts";
import { queueConsumeEndpoints } from "./queue_consume.ts";
import { queueDeadEndpoints } from "./queue_dead.ts";
import { queuePublishEndpoints } from "./queue_publish.ts";
import { queueSettleEndpoints } from "./queue_settle.ts";
import { queueTopicEndpoints } from "./queue_topics.ts";
import { raftEndpoints } from "./raft.ts";
import { RequestCounters } from "./request_counters.ts";
import { ringEndpoints } from "./ring.ts";

/** What one server's applications share: the counters, so that /metrics shows every listener's. */
export function createSite(peer: Peer, options: HttpOptions): Site {
  return {
    peer,
    options,
    bodies: new BodyReader(options),
    gate: new Gate(options.token),
    counters: new RequestCounters(),
    inFlight: new InFlight(options.connectionsMax, "requests are in flight"),
    streams: new InFlight(LIMITS.eventStreamsMax, "streams are open"),
  };
}

/**
 * @param peer what answers
 * @param options bounds, token and clock; listeners are not looked at here
 * @returns the application with every route
 */
export function buildApp(peer: Peer, options: HttpOptions): OpenAPIHono {
  return assemble(createSite(peer, options));
}

/** The application with every route. */
export function assemble(site: Site): OpenAPIHono {
  const app = bareApp(site);
  const endpoints = [
    ...lockWriteEndpoints(site),
    ...lockViewEndpoints(site),
    ...queuePublishEndpoints(site),
    ...queueConsumeEndpoints(site),
    ...queueSettleEndpoints(site),
    ...queueTopicEndpoints(site),
    ...queueDeadEndpoints(site),
    ...cacheGetEndpoints(site),
    ...cachePutEndpoints(site),
    ...cacheRemovalEndpoints(site),
    ...cacheViewEndpoints(site),
    ...eventPublishEndpoints(site),
    ...eventReadEndpoints(site),
    ...eventStreamEndpoints(site),
    ...eventViewEndpoints(site),
    ...healthEndpoints(site),
    ...raftEndpoints(site),
    ...clusterEndpoints(site),
    ...membershipEndpoints(site),
    ...ringEndpoints(site),
    ...metricsEndpoints(site),
  ];
  mount(app, site, [...endpoints, ...documentEndpoints(endpoints, site.peer.version)]);
  return app;
}

/** The application of the extra listener for metrics: that and health, nothing else. */
export function assembleMetrics(site: Site): OpenAPIHono {
  const app = bareApp(site);
  mount(app, site, [...metricsEndpoints(site), ...healthEndpoints(site)]);
  return app;
}

function bareApp(site: Site): OpenAPIHono {
  const app = new OpenAPIHono({ router: new RegExpRouter() });
  app.onError((thrown, context) => respondToThrown(site, thrown, context.req.path));
  return app;
}

/**
 * Schemas validate inside the handlers and not in zod-openapi's middleware: that refuses bodies by their
 * content type (curl sends another than JSON), reads them without a bound and answers in its own form.
 */
function mount(app: OpenAPIHono, site: Site, endpoints: readonly Endpoint[]): void {
  const methodsOf = new Map<string, string[]>();
  for (const endpoint of endpoints) {
    const { method, path } = endpoint.route;
    app.on(method.toUpperCase(), path, handlerOf(site, endpoint));
    const methods = methodsOf.get(path) ?? [];
    methods.push(method.toUpperCase());
    if (method === "get") methods.push("HEAD");
    methodsOf.set(path, methods);
  }
  app.notFound((context) => {
    const { method, path } = context.req;
    const allowed = methodsOf.get(path);
    const code = allowed === undefined ? "NOT_FOUND" : "METHOD_NOT_ALLOWED";
    site.counters.countError(code);
    if (allowed === undefined) {
      return errorAnswer(new SkeinError(code, `there is no route ${JSON.stringify(path)}`));
    }
    const list = allowed.join(", ");
    return errorAnswer(new SkeinError(code, `${path} takes ${list}, not ${method}`), {
      allow: list,
    });
  });
}
