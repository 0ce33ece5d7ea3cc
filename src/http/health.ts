/**
 * GET /health and /ready, for load balancers and supervisors: 200, or 503 with the reasons. Open even
 * where a token is set, because those who ask have no place to keep one; names and numbers of group 0 are
 * all that they learn.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { ErrorSchema, jsonResponse } from "./fields.ts";
import { leaderName } from "./leader.ts";
import type { HealthReport, Peer } from "../peer/peer.ts";

const SYSTEM_GROUP = 0;

const stateFields = {
  status: z.string(),
  node_id: z.string().openapi({ description: "the peer's name" }),
  version: z.string(),
  started_at: z.iso.datetime(),
  role: z.string().nullable().openapi({
    description: "in the system group; null before it exists",
  }),
  leader: z.string().nullable(),
  term: z.number().int(),
  reasons: z.array(z.string()),
};
const GoodSchema = z.object({ success: z.literal(true), ...stateFields }).openapi("Healthy");
const BadSchema = ErrorSchema.extend(stateFields).openapi("Unhealthy");

function stateBody(peer: Peer, status: string, report: HealthReport) {
  const system = peer.groups.status(SYSTEM_GROUP);
  return {
    status,
    node_id: peer.name,
    version: peer.version,
    started_at: peer.startedAt,
    role: system?.role ?? null,
    leader: leaderName(peer, SYSTEM_GROUP),
    term: system?.term ?? 0,
    reasons: report.reasons,
  };
}

interface Check {
  readonly path: string;
  readonly summary: string;
  readonly good: string;
  readonly bad: string;
  readonly report: (peer: Peer) => HealthReport;
}

function check({ peer }: Site, { path, summary, good, bad, report }: Check): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path,
      tags: ["health"],
      summary,
      security: [],
      responses: { 200: jsonResponse("Yes", GoodSchema), 503: jsonResponse("No", BadSchema) },
    }),
    access: "open",
    handle() {
      const found = report(peer);
      if (found.healthy) return answer({ success: true, ...stateBody(peer, good, found) });
      const message = `${peer.name} is ${bad}: ${found.reasons.join("; ")}`;
      const body = {
        success: false,
        error: "UNAVAILABLE",
        message,
        ...stateBody(peer, bad, found),
      };
      return answer(body, 503);
    },
  };
}

/** The routes that say whether this peer may be sent requests. */
export function healthEndpoints(site: Site): readonly Endpoint[] {
  return [
    check(site, {
      path: "/health",
      summary: "Is storage sound, and is a leader known?",
      good: "healthy",
      bad: "unhealthy",
      report: (peer) => peer.health(),
    }),
    check(site, {
      path: "/ready",
      summary: "Healthy, caught up since start, and not about to stop?",
      good: "ready",
      bad: "not ready",
      report: (peer) => peer.ready(),
    }),
  ];
}
