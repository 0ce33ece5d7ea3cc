import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Fixture } from "./fake_peer.ts";

const ROUTES: Readonly<Record<string, readonly string[]>> = {
  "/": ["get"],
  "/cache/delete": ["post"],
  "/cache/get": ["post"],
  "/cache/invalidate": ["post"],
  "/cache/put": ["post"],
  "/cache/read": ["post"],
  "/cache/state": ["get"],
  "/cache/stats": ["get"],
  "/cache/write": ["post"],
  "/cluster": ["get"],
  "/cluster/add": ["post"],
  "/cluster/drain": ["post"],
  "/cluster/remove": ["post"],
  "/cluster/self": ["get"],
  "/docs": ["get"],
  "/events": ["get"],
  "/events/stream": ["get"],
  "/events/topics": ["get"],
  "/health": ["get"],
  "/lock/acquire": ["post"],
  "/lock/graph": ["get"],
  "/lock/release": ["post"],
  "/lock/renew": ["post"],
  "/lock/status": ["get"],
  "/locks": ["get"],
  "/metrics": ["get"],
  "/openapi.json": ["get"],
  "/publish": ["post"],
  "/queue/ack": ["post"],
  "/queue/consume": ["post"],
  "/queue/dead": ["get"],
  "/queue/extend": ["post"],
  "/queue/nack": ["post"],
  "/queue/publish": ["post"],
  "/queue/purge": ["post"],
  "/queue/requeue": ["post"],
  "/queue/stats": ["get"],
  "/queue/topics": ["get", "post"],
  "/raft/snapshot": ["post"],
  "/raft/state": ["get"],
  "/raft/transfer": ["post"],
  "/ready": ["get"],
  "/ring": ["get"],
  "/stats": ["get"],
};

// deno-lint-ignore no-explicit-any -- a document is looked into freely
type Json = any;

async function openApi(): Promise<Json> {
  const { status, json } = await new Fixture().get("/openapi.json");
  equal(status, 200);
  return json;
}

/** Every object inside a value. */
function* objects(value: Json): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  yield value;
  for (const child of Object.values(value)) yield* objects(child);
}

Deno.test("openapi: version 3.1, and every route that the server answers", async () => {
  const document = await openApi();
  equal(document.openapi, "3.1.0");
  ok(document.info.title.length > 0 && document.info.version.length > 0);
  const named = Object.fromEntries(
    Object.entries<Json>(document.paths)
      .map(([path, item]) => [path, Object.keys(item).sort()])
      .sort(([a], [b]) => a! < b! ? -1 : 1),
  );
  deepEqual(named, ROUTES);
});

Deno.test("openapi: each operation says what it answers; references lead somewhere", async () => {
  const document = await openApi();
  for (const [path, item] of Object.entries<Json>(document.paths)) {
    for (const operation of Object.values<Json>(item)) {
      ok(operation.summary.length > 0, path);
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        match(status, /^[1-5]\d\d$/);
        ok(response.description.length > 0, `${path} ${status}`);
      }
      for (const parameter of operation.parameters ?? []) {
        const isHeader = path === "/events/stream" && parameter.name === "last-event-id";
        deepEqual([parameter.in, typeof parameter.name], [isHeader ? "header" : "query", "string"]);
        ok(parameter.schema !== undefined);
      }
    }
  }
  for (const { $ref } of objects(document)) {
    if ($ref === undefined) continue;
    const target = $ref.slice(2).split("/").reduce((at: Json, key: string) => at?.[key], document);
    ok(target !== undefined, `${$ref} leads nowhere`);
  }
});

Deno.test("openapi: schemas are of 3.1 and carry the bounds that are enforced", async () => {
  const document = await openApi();
  const known = ["string", "number", "integer", "boolean", "array", "object", "null"];
  for (const schema of objects(document.components.schemas)) {
    ok(!("nullable" in schema), "nullable is of 3.0");
    if (typeof schema.type === "string" && !("properties" in schema && "name" in schema)) {
      ok(known.includes(schema.type), schema.type);
    }
  }
  const { properties, required } = document.components.schemas.LockAcquire;
  deepEqual(required, ["resource", "owner"]);
  deepEqual([properties.ttl.minimum, properties.ttl.maximum], [0.1, 86_400]);
  deepEqual([properties.timeout.minimum, properties.timeout.maximum], [0, 3_600]);
  deepEqual([properties.mode.enum, properties.mode.default], [
    ["shared", "exclusive"],
    "exclusive",
  ]);
  deepEqual([properties.resource.minLength, properties.resource.maxLength], [1, 512]);
  const message = document.components.schemas.QueueMessage;
  deepEqual(message.required, ["data"]);
  const priority = message.properties.priority;
  deepEqual([priority.type, priority.minimum, priority.maximum], [["integer", "null"], 0, 9]);
  const batch = document.components.schemas.QueuePublishBatch;
  deepEqual([batch.properties.messages.minItems, batch.properties.messages.maxItems], [1, 1_000]);
  const event = document.components.schemas.EventInput;
  deepEqual(event.required, ["topic", "event_id"]);
  deepEqual([event.properties.event_id.maxLength, event.properties.timestamp.maxLength], [512, 64]);
  const put = document.components.schemas.CachePut;
  deepEqual(put.required, ["key", "value"]);
  deepEqual([put.properties.ttl.minimum, put.properties.ttl.maximum], [0.1, 86_400]);
  deepEqual([put.properties.if_version.type, put.properties.key.maxLength], [
    ["string", "null"],
    1_024,
  ]);
  deepEqual(document.components.securitySchemes.token, { type: "http", scheme: "bearer" });
});

Deno.test("pages: docs name every route, nothing is loaded from elsewhere, nothing runs", async () => {
  const fixture = new Fixture();
  for (const path of ["/docs", "/"]) {
    const { status, headers, text } = await fixture.get(path);
    equal(status, 200);
    equal(headers.get("content-type"), "text/html; charset=utf-8");
    match(headers.get("content-security-policy")!, /default-src 'none'/);
    ok(!/<script|https?:\/\/|@import|url\(/i.test(text), `${path} reaches out`);
  }
  const { text } = await fixture.get("/docs");
  for (const path of Object.keys(ROUTES)) {
    ok(text.includes(` ${path}</h3>`), `${path} is not in /docs`);
  }
  match(text, /<code>resource<\/code> \*/);
  match(text, /number, 0\.1 to 86400/);
});
