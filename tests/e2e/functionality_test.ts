/**
 * What a person's script does with three running peers, in the second dialect and with nothing but HTTP and the
 * log: `skein cluster` as anybody starts it, on 8001-8003, 8011-8013 and 8021-8023 where these are free.
 */
import assert from "node:assert/strict";
import { planPeers } from "../../src/cli/cluster_plan.ts";
import { probe } from "../../src/cli/ports.ts";
import { freeFirstPort } from "../cli/free_ports.ts";
import { RunningSkein } from "../cli/running_skein.ts";

const PEERS = 3;
const FIRST_PORT = 8001;
const LEASE_SECONDS = 10;
/** From the acquire on. */
const LEASE_TIMEOUT_LOGGED_MS = 12_000;

/** A script's answer: the dialect always answers 200 to what was understood. */
interface Answer {
  readonly success: boolean;
  readonly fencing_token?: number;
  readonly error?: string;
}

async function post(port: number, path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

function firstPort(): number {
  const addresses = planPeers(PEERS, FIRST_PORT, "").flatMap((peer) => peer.addresses);
  return addresses.every((each) => probe(each) === "free") ? FIRST_PORT : freeFirstPort(PEERS);
}

Deno.test("three peers, as a script uses their locks", async (test) => {
  const directory = await Deno.makeTempDir({ prefix: "skein-e2e-" });
  try {
    const port = firstPort();
    const flags = [`--port=${port}`, `--data=${directory}`, "--log-format=pretty"];
    await using cluster = new RunningSkein(["cluster", ...flags]);
    await cluster.wrote(/3 peers are healthy/);
    const [first, second, third] = [port, port + 1, port + 2];
    const lock = { lock_name: "report", lock_type: "exclusive", timeout: LEASE_SECONDS };
    let beganMs = 0;
    let token = 0;

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

    cluster.kill("SIGINT");
    assert.equal(await cluster.ended(), 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function getHealth(port: number): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  await response.body?.cancel();
  return response;
}
