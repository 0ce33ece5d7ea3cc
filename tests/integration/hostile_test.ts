/**
 * Real processes and bad company: floods of idle connections, garbage, half frames, impossible lengths, slow senders,
 * nonsense over HTTP. Whatever comes, the process lives, an honest client is served meanwhile, and what was
 * refused is counted.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { SkeinClient } from "../../src/client/mod.ts";
import { LIMITS } from "../../src/limits.ts";
import { Handshake } from "../../src/net/handshake.ts";
import { createIdentity } from "../../src/net/identity.ts";
import { deriveProofKey } from "../../src/net/proof.ts";
import { TcpLine } from "../../src/net/tcp_line.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const HTTP_IDLE = 5_000;
const PEER_IDLE = 1_000;
/** Of the open files that a process may have, what is left to everything else. */
const FILES_KEPT = 400;

/** A caller who takes and gives back a lock, again and again, while others misbehave. */
class HonestClient {
  readonly #locks;
  readonly #running: Promise<void>;
  #stopping = false;
  rounds = 0;
  slowestMs = 0;

  constructor(peer: SkeinProcess) {
    this.#locks = new SkeinClient({ urls: [peer.url], retryMs: 0 }).locks;
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const beganMs = performance.now();
      await this.#locks.release(await this.#locks.acquire("honest", { ttlMs: 60_000 }));
      this.slowestMs = Math.max(this.slowestMs, performance.now() - beganMs);
      this.rounds++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async servedAgain(): Promise<void> {
    const before = this.rounds;
    await eventually("the honest client is served", 20_000, () => {
      assert.ok(this.rounds >= before + 5);
    });
  }

  /** @throws by rejection what a call failed with */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }
}

class Crowd implements Disposable {
  readonly connections: Deno.TcpConn[] = [];

  async join(port: number, count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      this.connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections) connection.close();
  }
}

async function openFilesMax(): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -n"] }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}

async function refused(peer: SkeinProcess, reason: string): Promise<number> {
  return await peer.metric("skein_handshakes_refused_total", `reason="${reason}"`);
}

async function sendAndClose(port: number, bytes: Uint8Array): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await connection.write(bytes);
    // The other side hangs up: on garbage at once, on half a message when its time is over.
    while (await connection.read(new Uint8Array(1024)) !== null);
  } catch (error) {
    if (
      !(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe)
    ) {
      throw error;
    }
  } finally {
    connection.close();
  }
}

/** Proves the cluster key like any peer, and then sends these bytes. Resolves when it is hung up on. */
function sendAsPeer({ options }: SkeinProcess, bytes: Uint8Array): Promise<void> {
  const socket = connect({ port: options.peerPort, host: "127.0.0.1" });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  new Handshake(new TcpLine(socket, `127.0.0.1:${options.peerPort}`), {
    identity: createIdentity(),
    proofKey: deriveProofKey(new TextEncoder().encode(options.clusterKey)),
    instance: Buffer.alloc(16, 1),
    versionNewest: 1,
    versionOldest: 1,
    features: [],
    isConnected: () => false,
  }, {
    identified() {},
    refused() {},
    authenticated: ({ stream, open }) => {
      stream.on("data", () => {});
      open();
      stream.write(bytes);
    },
  });
  return closed;
}

Deno.test("bad company harms nobody, and is counted", async (test) => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async (cluster) => {
    const peer = cluster.peers[0]!;
    const { httpPort, peerPort } = peer.options;
    const honest = new HonestClient(peer);

    await test.step("garbage and an impossible length on the peer port", async () => {
      const before = {
        garbage: await refused(peer, "garbage"),
        size: await refused(peer, "size"),
      };
      await Promise.all([
        sendAndClose(peerPort, new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
        sendAndClose(peerPort, crypto.getRandomValues(new Uint8Array(64 * 1024))),
        sendAndClose(peerPort, new Uint8Array(8).fill(255)),
      ]);
      const strangers = await refused(peer, "garbage") + await refused(peer, "size");
      assert.equal(strangers, before.garbage + before.size + 3);
      await honest.servedAgain();
    });

    await test.step("a length of 4 GiB from somebody who has the key", async () => {
      const name = "skein_transport_frames_malformed_total";
      const before = await peer.metric(name);
      await sendAsPeer(peer, new Uint8Array(8).fill(255));
      assert.equal(await peer.metric(name), before + 1);
      await honest.servedAgain();
    });

    await test.step("half a frame and senders that drip on the peer port are given up", async () => {
      using crowd = new Crowd();
      const before = await refused(peer, "timeout");
      await crowd.join(peerPort, 20);
      const half = sendAndClose(peerPort, Uint8Array.of(32, 0, 0, 1, 2, 3));
      let dripping = true;
      const drips = crowd.connections.map(async (connection) => {
        while (dripping) {
          // A length first, so that they are on the way to a message of 48 bytes.
          await connection.write(Uint8Array.of(48, 0, 0)).catch(() => dripping = false);
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        }
      });
      await eventually("they are refused", 20_000, async () => {
        assert.ok(await refused(peer, "timeout") >= before + 21);
      });
      await half;
      dripping = false;
      await Promise.all(drips);
      await honest.servedAgain();
    });

    await test.step("a flood of idle connections to the peer port displaces itself, and nobody else", async () => {
      using crowd = new Crowd();
      const count = Math.min(PEER_IDLE, await openFilesMax() - FILES_KEPT);
      if (count < PEER_IDLE) console.log(`only ${count} of ${PEER_IDLE}: open files are limited`);
      const before = await refused(peer, "too_many");
      await crowd.join(peerPort, count);
      await eventually("the oldest are displaced", 20_000, async () => {
        const displaced = await refused(peer, "too_many") - before;
        assert.ok(displaced >= count - LIMITS.handshakesMax, `${displaced} of ${count}`);
      });
      const other = cluster.peers[1]!;
      await other.kill();
      other.start();
      await cluster.ready([other]);
      await honest.servedAgain();
    });

    await test.step("thousands of idle connections to the HTTP port, and half a request on some", async () => {
      using crowd = new Crowd();
      const count = Math.min(HTTP_IDLE, await openFilesMax() - FILES_KEPT);
      if (count < HTTP_IDLE) console.log(`only ${count} of ${HTTP_IDLE}: open files are limited`);
      await crowd.join(httpPort, count);
      const halves = [
        "POST /lock/acq",
        "POST /lock/acquire HTTP/1.1\r\nContent-Length: 99\r\n\r\n{",
      ];
      for (const [at, connection] of crowd.connections.slice(0, 100).entries()) {
        await connection.write(new TextEncoder().encode(halves[at % halves.length]));
      }
      await honest.servedAgain();
      assert.equal((await peer.get("/health")).status, 200);
    });

    await test.step("nonsense over HTTP is answered with what is wrong", async () => {
      const errors = "skein_http_errors_total";
      const before = await peer.metric(errors);
      // deno-fmt-ignore
      const bodies: [string, number, string][] = [
        ["{", 400, "BAD_REQUEST"],
        ["[1]", 400, "BAD_REQUEST"],
        ["[".repeat(5_000), 400, "BAD_REQUEST"],
        [`{"resource":"${"x".repeat(2_000_000)}"}`, 413, "PAYLOAD_TOO_LARGE"],
        [`{"resource":"${"x".repeat(600)}","owner":"a"}`, 422, "INVALID"],
        [`{"resource":"","owner":"a"}`, 422, "INVALID"],
        [`{"resource":"r","owner":"a","timeout":-1}`, 422, "INVALID"],
        [`{"resource":"r","owner":"a","timeout":1e300}`, 422, "INVALID"],
        [`{"resource":"r","owner":"a","timeout":NaN}`, 400, "BAD_REQUEST"],
        [`{"resource":7,"owner":["a"]}`, 422, "INVALID"],
      ];
      for (const [body, status, error] of bodies) {
        const response = await fetch(`${peer.url}/lock/acquire`, { method: "POST", body });
        const answer = await response.json();
        const shown = `${body.slice(0, 60)}: ${JSON.stringify(answer)}`;
        assert.deepEqual(
          [response.status, answer.success, answer.error],
          [status, false, error],
          shown,
        );
        assert.ok(answer.message.length > 0);
      }
      const proto = { resource: "proto", owner: "a", ["__proto__"]: { mode: "shared" } };
      const body = JSON.stringify(proto).slice(0, -1) + ',"__proto__":{"mode":"shared"}}';
      const taken = await fetch(`${peer.url}/lock/acquire`, { method: "POST", body });
      assert.equal((await taken.json()).success, true, "unknown fields are ignored");
      assert.equal((await peer.get("/no/such/route")).status, 404);
      assert.equal((await peer.get("/lock/acquire")).status, 405);
      assert.equal(await peer.metric(errors), before + bodies.length + 2);
    });

    await honest.stop();
    assert.ok(cluster.peers.every(({ up }) => up));
    const shown = honest.slowestMs.toFixed(0);
    console.log(
      `an honest client was served ${honest.rounds} times, at the slowest in ${shown} ms`,
    );
  });
});
