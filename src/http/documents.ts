/**
 * GET /openapi.json, /docs and /: what this server answers, for programs and for people. All three are
 * made once, when first asked for, from the endpoints' own definitions; the pages carry no script and need no network.
 * They hold words about routes and nothing about the cluster, so they are open.
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Endpoint } from "./endpoint.ts";
import { docsPage, indexPage, type OpenApiDocument } from "./docs_page.ts";

const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  "x-content-type-options": "nosniff",
};
const JSON_HEADERS = { "content-type": "application/json" };

/** @param make called once, at the first request */
function fixedText(
  path: string,
  summary: string,
  mediaType: string,
  headers: Record<string, string>,
  make: () => string,
): Endpoint {
  let content: string | null = null;
  const schema = mediaType === "application/json" ? z.looseObject({}) : z.string();
  return {
    route: createRoute({
      method: "get",
      path,
      tags: ["documents"],
      summary,
      security: [],
      responses: { 200: { description: summary, content: { [mediaType]: { schema } } } },
    }),
    access: "open",
    handle: () => new Response(content ??= make(), { headers }),
  };
}

function describe(endpoints: readonly Endpoint[], version: string): OpenApiDocument {
  const { openAPIRegistry, getOpenAPI31Document } = new OpenAPIHono();
  for (const { route } of endpoints) openAPIRegistry.registerPath(route);
  openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  return getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Skein",
      version,
      license: { name: "MIT" },
      description:
        "Locks, a work queue, a coherent cache, an event log, and the cluster behind them. Every peer answers every request. Errors have " +
        "one form: success (false), error (a code) and message. A write may carry X-Request-Id, so that " +
        "it can be sent again without being done twice.",
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, {}],
  });
}

/**
 * @param endpoints all other routes
 * @param version the program's
 * @returns the routes that describe them, and themselves
 */
export function documentEndpoints(
  endpoints: readonly Endpoint[],
  version: string,
): readonly Endpoint[] {
  let described: OpenApiDocument | null = null;
  const document = (): OpenApiDocument => described ??= describe([...endpoints, ...own], version);
  const own: readonly Endpoint[] = [
    fixedText(
      "/openapi.json",
      "This API as OpenAPI 3.1",
      "application/json",
      JSON_HEADERS,
      () => JSON.stringify(document()),
    ),
    fixedText(
      "/docs",
      "This API for people",
      "text/html",
      PAGE_HEADERS,
      () => docsPage(document()),
    ),
    fixedText(
      "/",
      "Where to go from here",
      "text/html",
      PAGE_HEADERS,
      () => indexPage(document()),
    ),
  ];
  return own;
}
