import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { type Hello, RequestError } from "../../src/net/transport.ts";
import { Random } from "../../src/random.ts";
import { HEALED, type NetworkRates } from "./fault_rates.ts";
import { VirtualNetwork } from "./virtual_network.ts";
import { Actor, Scheduler } from "./virtual_time.ts";
import type { VirtualTransport } from "./virtual_transport.ts";

const SOUND = HEALED.network;

class End {
  readonly seen: string[] = [];
  readonly actor: Actor;
  readonly transport: VirtualTransport;
  answer: (body: unknown) => Promise<unknown> = (body) => Promise.resolve(body);

  constructor(network: VirtualNetwork, name: string) {
    this.actor = new Actor(name);
    this.transport = network.attach(this.actor, name, helloOf(name));
  }

  async start(): Promise<void> {
    await this.transport.start({
      message: (from, topic, body) => this.seen.push(`${from}:${topic}:${JSON.stringify(body)}`),
      request: (_from, _method, body) => this.answer(body),
      connected: (peer) => this.seen.push(`+${peer.id}`),
      updated: (peer) => this.seen.push(`~${peer.id}:${peer.hello.clusterId}`),
      disconnected: (id) => this.seen.push(`-${id}`),
    });
  }
}

function helloOf(name: string): Hello {
  return {
    name,
    bootId: "1",
    addresses: [],
    httpUrl: "",
    zone: "",
    clusterId: null,
    expect: 2,
    version: "0",
  };
}

/** Two connected ends, with nothing seen yet. */
async function connected(rates: NetworkRates = SOUND) {
  const scheduler = new Scheduler();
  const network = new VirtualNetwork(scheduler, new Random(5), rates);
  const [a, b] = [new End(network, "a"), new End(network, "b")];
  await a.start();
  await b.start();
  await scheduler.runUntil(1_000);
  assert.deepEqual([a.seen, b.seen], [["+b"], ["+a"]]);
  a.seen.length = b.seen.length = 0;
  return { scheduler, network, a, b };
}

function send(from: End, to: End, count: number): void {
  for (let serial = 0; serial < count; serial++) {
    from.transport.send(to.transport.self, "t", serial);
  }
}

async function reasonOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "answered";
  } catch (error) {
    assert.ok(error instanceof RequestError);
    return error.reason;
  }
}

Deno.test("messages of a sound connection come whole and in order", async () => {
  const { scheduler, a, b } = await connected();
  send(a, b, 50);
  await scheduler.runUntil(2_000);
  assert.deepEqual(b.seen, Array.from({ length: 50 }, (_, serial) => `a:t:${serial}`));
});

Deno.test("bodies cross as bytes: what is sent can be changed afterwards", async () => {
  const { scheduler, a, b } = await connected();
  const body = { list: [1] };
  a.transport.send("b", "t", body);
  body.list.push(2);
  await scheduler.runUntil(2_000);
  assert.deepEqual(b.seen, ['a:t:{"list":[1]}']);
});

Deno.test("loss, duplication and reordering show at about their rates", async () => {
  const { scheduler, a, b } = await connected({
    ...SOUND,
    loss: 0.2,
    duplication: 0.2,
    reordering: 0.5,
  });
  send(a, b, 1_000);
  await scheduler.runUntil(3_000);
  const distinct = new Set(b.seen);
  const repeated = b.seen.length - distinct.size;
  const overtaken = b.seen.filter((text, place) =>
    place > 0 && Number(text.slice(4)) < Number(b.seen[place - 1]!.slice(4))
  );
  assert.ok(distinct.size > 700 && distinct.size < 900, `${distinct.size} came`);
  assert.ok(repeated > 80 && repeated < 280, `${repeated} came twice`);
  assert.ok(overtaken.length > 100, `${overtaken.length} were overtaken`);
});

Deno.test("a one-way cut swallows one direction only", async () => {
  const { scheduler, network, a, b } = await connected({ ...SOUND, noticedCut: 0 });
  network.cut("a", "b");
  send(a, b, 1);
  send(b, a, 1);
  await scheduler.runUntil(2_000);
  assert.deepEqual([a.seen, b.seen], [["b:t:0"], []]);
  network.mend("a", "b");
  send(a, b, 1);
  await scheduler.runUntil(3_000);
  assert.ok(b.seen.includes("a:t:0"));
});

Deno.test("what is held up on its way comes late, behind others, and whatever is cut meanwhile", async () => {
  const { scheduler, network, a, b } = await connected();
  network.heldMs = (_from, _to, _topic, body) => body === 0 ? 500 : 0;
  send(a, b, 2);
  await scheduler.runUntil(1_400);
  assert.deepEqual(b.seen, ["a:t:1"]);
  network.cutUnnoticed("a", "b");
  a.transport.send("b", "t", 2);
  await scheduler.runUntil(2_000);
  assert.deepEqual(b.seen, ["a:t:1", "a:t:0"]);
});

Deno.test("a noticed cut breaks the connection, which comes back after the mending", async () => {
  const { scheduler, network, a, b } = await connected();
  network.cut("a", "b");
  network.cut("b", "a");
  await scheduler.runUntil(5_000);
  assert.deepEqual([a.seen, b.seen], [["-b"], ["-a"]]);
  assert.equal(a.transport.send("b", "t", 0), false);
  network.mendAll();
  await scheduler.runUntil(7_000);
  assert.deepEqual([a.seen, b.seen], [["-b", "+b"], ["-a", "+a"]]);
});

Deno.test("a request is answered, refused with its code, lost or timed out", async () => {
  const { scheduler, network, a, b } = await connected();
  const answered = a.transport.request("b", "m", [1, "x"], 1_000);
  await scheduler.runUntil(1_500);
  assert.deepEqual(await answered, [1, "x"]);

  b.answer = () => Promise.reject(new SkeinError("NOT_LEADER", "no", { leader: "c" }));
  const refused = a.transport.request("b", "m", null, 1_000).catch((error) => error);
  await scheduler.runUntil(2_000);
  const { reason, code, details } = await refused as RequestError;
  assert.deepEqual([reason, code, details], ["refused", "NOT_LEADER", { leader: "c" }]);

  b.answer = () => new Promise(() => {});
  const slow = reasonOf(a.transport.request("b", "m", null, 100));
  await scheduler.runUntil(3_000);
  assert.equal(await slow, "timeout");
  const broken = reasonOf(a.transport.request("b", "m", null, 60_000));
  network.disconnect("a", "b");
  await scheduler.runUntil(3_250);
  assert.equal(await broken, "lost");
  assert.equal(await reasonOf(a.transport.request("c", "m", null, 100)), "unreachable");
});

Deno.test("a restarted peer is met again under its new hello", async () => {
  const { scheduler, network, a, b } = await connected();
  b.actor.alive = false;
  network.leave(b.transport);
  await scheduler.runUntil(2_000);
  assert.deepEqual(a.seen, ["-b"]);
  const again = new End(network, "b");
  await again.start();
  await scheduler.runUntil(3_000);
  assert.deepEqual(a.seen, ["-b", "+b"]);
  send(a, again, 1);
  await scheduler.runUntil(4_000);
  assert.deepEqual(again.seen, ["+a", "a:t:0"]);
  assert.deepEqual(b.seen, []);
});

Deno.test("an announcement reaches whoever is connected", async () => {
  const { scheduler, a, b } = await connected();
  a.transport.announce({ ...helloOf("a"), clusterId: "c1" });
  await scheduler.runUntil(2_000);
  assert.deepEqual(b.seen, ["~a:c1"]);
  assert.equal(b.transport.peers()[0]?.hello.clusterId, "c1");
});
