/**
 * What a person's script does with three running peers, in the second dialect and with nothing but HTTP and the
 * log: `skein cluster` as anybody starts it, on 8001-8003, 8011-8013 and 8021-8023 where these are free.
 */
import assert from "node:assert/strict";
import { planPeers } from "../../src/cli/cluster_plan.ts";
import { probe } from "../../src/cli/ports.ts";
import { freeFirstPort } from "../cli/free_ports.ts";
import { RunningSkein } from "../cli/running_skein.ts";
import { limitMs } from "../speed_limit.ts";
import { cacheSteps } from "./cache_steps.ts";
import { eventSteps, eventStepsAfterRestart } from "./event_steps.ts";

const PEERS = 3;
const FIRST_PORT = 8001;
const LEASE_SECONDS = 10;
/** From the acquire on. */
const LEASE_TIMEOUT_LOGGED_MS = LEASE_SECONDS * 1_000 + limitMs(2_000);
/** Unless somebody says otherwise, what is not acknowledged is delivered again after so long. */
const VISIBILITY_MS = 30_000;
const REDELIVERED_WITHIN_MS = VISIBILITY_MS + limitMs(3_000);

/** A script's answer. Of locks the dialect always answers 200 to what was understood. */
interface Answer {
  readonly success: boolean;
  readonly fencing_token?: number;
  readonly error?: string;
  readonly id?: string;
  readonly duplicate?: boolean;
  readonly message?: Message | null;
}

interface Message {
  readonly id: string;
  readonly data: unknown;
  readonly attempts: number;
  readonly receipt: string;
}

async function send(
  port: number,
  path: string,
  body: unknown,
): Promise<{ readonly status: number; readonly answer: Answer }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: await response.json() };
}

async function post(port: number, path: string, body: unknown): Promise<Answer> {
  const { status, answer } = await send(port, path, body);
  assert.equal(status, 200, JSON.stringify(answer));
  return answer;
}

function firstPort(): number {
  const addresses = planPeers(PEERS, FIRST_PORT, "").flatMap((peer) => peer.addresses);
  return addresses.every((each) => probe(each) === "free") ? FIRST_PORT : freeFirstPort(PEERS);
}

Deno.test("three peers, as a script uses their locks, queue, cache and events", async (test) => {
  const directory = await Deno.makeTempDir({ prefix: "skein-e2e-" });
  try {
    const port = firstPort();
    const flags = [`--port=${port}`, `--data=${directory}`, "--log-format=pretty"];
    await using cluster = new RunningSkein(["cluster", ...flags]);
    await cluster.wrote(/3 peers are healthy/);
    const [first, second, third] = [port, port + 1, port + 2] as const;
    const lock = { lock_name: "report", lock_type: "exclusive", timeout: LEASE_SECONDS };
    let beganMs = 0;
    let token = 0;
    let consumedMs = 0;
    let taken: Message | null = null;

    await test.step("every peer answers on its three ports", async () => {
      for (const offset of [0, 1, 2, 10, 11, 12, 20, 21, 22]) {
        const { status, ok } = await getHealth(port + offset);
        assert.ok(ok, `${port + offset}: ${status}`);
      }
    });

    await test.step("an exclusive lock is granted", async () => {
      beganMs = performance.now();
      const granted = await post(first, "/lock/acquire", { ...lock, client_id: "client-1" });
      assert.equal(granted.success, true);
      token = granted.fencing_token!;
    });

    await test.step("another client is refused, at every peer and port", async () => {
      for (const each of [first, second, third, first + 10, second + 20]) {
        const refused = await post(each, "/lock/acquire", { ...lock, client_id: "client-2" });
        assert.deepEqual([refused.success, refused.error], [false, "LOCK_HELD"]);
      }
    });

    await test.step("a lock that is released is free at once", async () => {
      const other = { lock_name: "other", lock_type: "exclusive", timeout: LEASE_SECONDS };
      for (const [at, client_id] of [[second, "client-1"], [third, "client-2"]] as const) {
        assert.equal((await post(at, "/lock/acquire", { ...other, client_id })).success, true);
        const released = await post(first, "/lock/release", { lock_name: "other", client_id });
        assert.equal(released.success, true);
      }
    });

    await test.step("shared locks are held together", async () => {
      for (const [at, client_id] of [[first, "client-1"], [second, "client-2"]] as const) {
        const shared = { lock_name: "catalogue", client_id, lock_type: "shared", timeout: 60 };
        assert.equal((await post(at, "/lock/acquire", shared)).success, true);
      }
    });

    await test.step("there is no message where nobody published one, at any peer", async () => {
      for (const each of [first, second, third]) {
        const nothing = await post(each, "/queue/consume", { topic: "orders" });
        assert.deepEqual([nothing.success, nothing.message], [true, null]);
      }
    });

    await test.step("a message is published once, whichever peer is asked twice", async () => {
      const order = { topic: "orders", id: "order-7", data: { item: "book", count: 2 } };
      for (const [at, duplicate] of [[first, false], [second + 10, true]] as const) {
        const published = await post(at, "/queue/publish", order);
        assert.deepEqual([published.id, published.duplicate], ["order-7", duplicate]);
      }
    });

    await test.step("a consumer takes it, and nobody else gets it", async () => {
      consumedMs = performance.now();
      taken = (await post(second, "/queue/consume", { topic: "orders" })).message!;
      assert.deepEqual([taken.id, taken.attempts], ["order-7", 1]);
      assert.deepEqual(taken.data, { item: "book", count: 2 });
      const other = { topic: "orders", consumer: "worker-2" };
      for (const each of [first, second + 10, third + 20]) {
        assert.equal((await post(each, "/queue/consume", other)).message, null);
      }
    });

    await test.step("a message is acknowledged by its id alone, at another peer", async () => {
      await post(third, "/queue/publish", { topic: "mails", data: "hello" });
      const { message } = await post(first, "/queue/consume", { topic: "mails", consumer: "w" });
      assert.equal(message!.data, "hello");
      const done = await post(second + 20, "/queue/ack", {
        topic: "mails",
        message_id: message!.id,
      });
      assert.equal(done.success, true);
    });

    await cacheSteps(test, cluster, [first, second, third]);
    await eventSteps(test, cluster, [first, second, third]);

    await test.step("the lease runs out, and every peer's log says DEADLOCK DETECTED", async () => {
      for (const name of ["peer-1", "peer-2", "peer-3"]) {
        await cluster.wrote(
          new RegExp(`^${name} \\| .*DEADLOCK DETECTED on report: lease timeout of client-1`, "m"),
        );
      }
      const tookMs = performance.now() - beganMs;
      console.log(`DEADLOCK DETECTED ${Math.round(tookMs)} ms after the acquire`);
      assert.ok(tookMs >= LEASE_SECONDS * 1_000, "no lease is shorter than was asked for");
      assert.ok(tookMs < LEASE_TIMEOUT_LOGGED_MS);
    });

    await test.step("the lock is granted to the next client, with a higher token", async () => {
      const granted = await post(third, "/lock/acquire", { ...lock, client_id: "client-2" });
      assert.equal(granted.success, true);
      assert.ok(granted.fencing_token! > token);
    });

    await test.step("what nobody acknowledged is delivered again after 30 s, as the same message", async () => {
      const asked = { topic: "orders", consumer: "worker-2", wait: VISIBILITY_MS / 1000 };
      const { message } = await post(third + 10, "/queue/consume", asked);
      const tookMs = performance.now() - consumedMs;
      console.log(`delivered again ${Math.round(tookMs)} ms after it was taken`);
      assert.deepEqual([message!.id, message!.attempts], [taken!.id, 2]);
      assert.deepEqual(message!.data, taken!.data);
      assert.notEqual(message!.receipt, taken!.receipt);
      assert.ok(tookMs >= VISIBILITY_MS, "nobody's time to work is cut short");
      assert.ok(tookMs < REDELIVERED_WITHIN_MS);
      await cluster.wrote(/not acknowledged in time, delivered again: orders: order-7/);
    });

    await test.step("the old receipt means nothing, the message's id acknowledges it", async () => {
      const stale = { topic: "orders", message_id: taken!.id, receipt: taken!.receipt };
      const refused = await send(first, "/queue/ack", stale);
      assert.deepEqual([refused.status, refused.answer.error], [409, "STALE_RECEIPT"]);
      await post(third, "/queue/ack", { topic: "orders", message_id: taken!.id });
      const again = await send(second, "/queue/ack", { topic: "orders", message_id: taken!.id });
      assert.deepEqual([again.status, again.answer.error], [404, "NOT_FOUND"]);
      assert.equal((await post(first, "/queue/consume", { topic: "orders" })).message, null);
    });

    cluster.kill("SIGINT");
    assert.equal(await cluster.ended(), 0);

    await using again = new RunningSkein(["cluster", ...flags]);
    await again.wrote(/3 peers are healthy/);
    await eventStepsAfterRestart(test, [first, second, third]);
    again.kill("SIGINT");
    assert.equal(await again.ended(), 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function getHealth(port: number): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  await response.body?.cancel();
  return response;
}
