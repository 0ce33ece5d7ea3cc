/**
 * What a hit of the cache costs over HTTP, beside a constant answer of the same router to the same validated POST.
 * `deno bench -A bench/cache_http_bench.ts`. The application alone, then over loopback with 64 connections of which each
 * sends one request after the other; an iteration there is one request on every connection.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { z } from "@hono/zod-openapi";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Cache, GetAnswer } from "../src/cache/cache.ts";
import { createSite } from "../src/http/app.ts";
import { answerText } from "../src/http/answer.ts";
import { cacheGetEndpoints } from "../src/http/cache_get.ts";
import { answerCaller } from "../src/http/departure.ts";
import { type Endpoint, handlerOf, type Site } from "../src/http/endpoint.ts";
import { validate } from "../src/http/fields.ts";
import { FakePeer, httpOptions } from "../tests/http/fake_peer.ts";

const CONNECTIONS = 64;
const BODY = '{"key":"user:17"}';
const FOUND: GetAnswer = {
  status: "hit",
  state: "S",
  value: {
    data: new TextEncoder().encode(JSON.stringify("x".repeat(98))),
    version: "3.5.1",
    expiresAt: null,
  },
  fillToken: null,
};

function applicationOf(site: Site, endpoint: Endpoint): OpenAPIHono {
  const app = new OpenAPIHono({ router: new RegExpRouter() });
  app.on("POST", endpoint.route.path, handlerOf(site, endpoint));
  return app;
}

function constantLike(site: Site, endpoint: Endpoint, text: string): Endpoint {
  const media = endpoint.route.request!.body!.content["application/json"] as { schema: z.ZodType };
  return {
    ...endpoint,
    async handle(request) {
      validate(media.schema, await site.bodies.readObject(request));
      return answerText(text);
    },
  };
}

const fake = new FakePeer();
Object.assign<Cache, Partial<Cache>>(fake.cache, { get: () => Promise.resolve(FOUND) });
const site = createSite(fake.asPeer(), httpOptions());
const [get] = cacheGetEndpoints(site) as [Endpoint];
const hit = applicationOf(site, get);
const answered = await (await hit.fetch(post())).text();
const constant = applicationOf(site, constantLike(site, get, answered));

function post(): Request {
  return new Request(`http://127.0.0.1:8001${get.route.path}`, {
    method: "POST",
    headers: { "content-length": String(BODY.length) },
    body: BODY,
  });
}

/** @returns one request on each of the connections */
async function load(app: OpenAPIHono): Promise<() => Promise<void>> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, delivery) => answerCaller(request, delivery, app.fetch),
  );
  const head = `POST ${get.route.path} HTTP/1.1\r\nHost: here\r\nContent-Length: ${BODY.length}`;
  const bytes = new TextEncoder().encode(`${head}\r\n\r\n${BODY}`);
  const trips = await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
    connection.setNoDelay();
    const buffer = new Uint8Array(4096);
    return async () => {
      await connection.write(bytes);
      await connection.read(buffer);
    };
  }));
  return async () => void await Promise.all(trips.map((trip) => trip()));
}

for (const [name, app] of [["constant", constant], ["hit", hit]] as const) {
  const baseline = app === constant;
  Deno.bench(`${name}, the application alone`, { group: "application", baseline }, async () => {
    await (await app.fetch(post())).text();
  });
  const round = await load(app);
  Deno.bench(`${name}, ${CONNECTIONS} at once`, { group: "loopback", baseline }, round);
}
