/** A put is documented by one schema and validated by another, because its value is taken from the text: the same? */
import { equal, ok } from "node:assert/strict";
import type { z } from "@hono/zod-openapi";
import { createSite } from "../../src/http/app.ts";
import { cacheGetEndpoints } from "../../src/http/cache_get.ts";
import { cachePutEndpoints } from "../../src/http/cache_put.ts";
import { cacheRemovalEndpoints } from "../../src/http/cache_removal.ts";
import type { Endpoint } from "../../src/http/endpoint.ts";
import { Random } from "../../src/random.ts";
import { FakePeer, Fixture, httpOptions } from "./fake_peer.ts";

const SECONDS = [1, 0, 0.05, 0.1, 3_600, 3_601, 86_400, 86_401, -1, "1", true];
const FLAGS = [true, false, 0, 1, "true"];
const OPAQUE = ["3.1.1", "", "x".repeat(512), "x".repeat(513), 7, true];

/** What each field may be in a random body, the first one nearly always; also null, and absent. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  key: ["k", "", "x".repeat(1_024), "x".repeat(1_025), "ä".repeat(513), "a\u0007", "\ud800", 5],
  value: [0, "text", true, null, { a: [1] }, []],
  ttl: SECONDS,
  wait: SECONDS,
  fill_ttl: SECONDS,
  durable: FLAGS,
  fill: FLAGS,
  if_version: OPAQUE,
  fill_token: OPAQUE,
  unknown: [1],
};

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  "/cache/put": ["ttl", "durable", "if_version", "fill_token", "unknown"],
  "/cache/get": ["fill", "wait", "fill_ttl", "unknown"],
  "/cache/delete": ["unknown"],
};

function randomBody(random: Random, path: string): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  const give = (name: string) => {
    const values = VALUES[name]!;
    if (random.chance(0.05)) body[name] = null;
    else body[name] = random.chance(0.75) ? values[0] : random.pick(values);
  };
  if (random.chance(0.95)) give("key");
  if (random.chance(0.9)) give("value");
  for (const name of FIELDS[path]!) if (random.chance(0.4)) give(name);
  return body;
}

function schemaOf({ route }: Endpoint): z.ZodType {
  const media = route.request!.body!.content["application/json"]!;
  if (!("schema" in media)) throw new Error(`${route.path} documents no body`);
  return media.schema as z.ZodType;
}

const site = createSite(new FakePeer().asPeer(), httpOptions());
const endpoints = [
  ...cacheGetEndpoints(site),
  ...cachePutEndpoints(site),
  ...cacheRemovalEndpoints(site),
];

for (const path of Object.keys(FIELDS)) {
  Deno.test(`cache documents: ${path} takes what is documented, and nothing else`, async () => {
    const random = new Random(path.length, 6);
    const fixture = new Fixture();
    const schema = schemaOf(endpoints.find(({ route }) => route.path === path)!);
    const seen = new Map<number, number>();
    for (let round = 0; round < 1_500; round++) {
      const text = JSON.stringify(randomBody(random, path));
      const isDocumented = schema.safeParse(JSON.parse(text)).success;
      const { status, json } = await fixture.post(path, text);
      fixture.fake.cache.values.clear();
      // What is understood may be refused for the version that the key has.
      ok([200, 409, 422].includes(status), `${status}: ${text}`);
      equal(json.success, status === 200);
      equal(status !== 422, isDocumented, `${json.message}: ${text}`);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    ok(seen.get(200)! > 150 && seen.get(422)! > 150, JSON.stringify([...seen]));
  });
}
