/**
 * Three Skein peers on this machine, each its own process, with the embedded log and its fsync on, all with
 * default settings.
 */
import assert from "node:assert/strict";
import { UNBOUNDED_FLAGS } from "../../src/cli/rights.ts";
import { RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";
import { HttpSocket, type Operation } from "./load.ts";
import type { LockOperations, LockSystem } from "./locks_suite.ts";
import { eventually, freePort, type Processes, startWith } from "./processes.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

export interface SkeinSystem extends LockSystem {
  /** Host and port of the peer that this client speaks to. */
  addressOf(client: number): string;
  readonly urls: readonly string[];
  /** Rejects while some peer is not ready. */
  ready(): Promise<void>;
  /** Starts the same peers again, after they were killed. */
  restart(): void;
}

/**
 * @param more flags of each peer
 * @param pollMs how often they are asked whether they are ready
 */
export function startSkein(more: readonly string[] = [], pollMs = 50): Promise<SkeinSystem> {
  return startWith((processes) => startPeers(processes, more, pollMs));
}

async function startPeers(
  processes: Processes,
  more: readonly string[],
  pollMs: number,
): Promise<SkeinSystem> {
  const peers = [1, 2, 3].map((n) => ({ name: `p${n}`, http: freePort(), listen: freePort() }));
  const list = peers.map(({ listen }) => `127.0.0.1:${listen}`).join(",");
  const key = crypto.randomUUID();
  const restart = () => {
    for (const { name, http, listen } of peers) {
      // deno-fmt-ignore
      processes.start(Deno.execPath(), [
        "run", "--no-check", ...RUNTIME_FLAGS, ...UNBOUNDED_FLAGS, MAIN, "run", "--name", name,
        "--http", String(http), "--listen", `127.0.0.1:${listen}`, "--peers", list,
        "--cluster-key", key, "--data", `${processes.directory}/${name}`,
        "--log-level", "warn", ...more,
      ], name);
    }
  };
  restart();
  const addressOf = (client: number) => `127.0.0.1:${peers[client % 3]!.http}`;
  const urls = peers.map(({ http }) => `http://127.0.0.1:${http}`);
  const ready = async () => {
    for (const url of urls) {
      const answer = await fetch(`${url}/ready`);
      await answer.body?.cancel();
      assert.equal(answer.status, 200);
    }
  };
  await eventually("a Skein cluster with a leader", 20_000, ready, pollMs);
  return {
    name: "skein",
    processes,
    notes: [],
    stop: () => processes.stop(),
    addressOf,
    urls,
    ready,
    restart,
    ...operations(addressOf),
  };
}

function operations(addressOf: (client: number) => string): LockOperations {
  const post = async (socket: HttpSocket, path: string, body: unknown) => {
    const { status, body: answer } = await socket.post(path, body);
    assert.equal(status, 200, `${path}: ${answer}`);
  };
  const session = async (client: number) => {
    const socket = await HttpSocket.connect(addressOf(client));
    return { socket, body: { resource: `resource-${client}`, owner: `client-${client}` } };
  };
  const lockPairs = async (client: number): Promise<Operation> => {
    const { socket, body } = await session(client);
    return async () => {
      await post(socket, "/lock/acquire", body);
      await post(socket, "/lock/release", body);
      return null;
    };
  };
  return {
    lockPairs,
    leasedPairs: lockPairs,
    async acquires(client) {
      const { socket, body } = await session(client);
      return async () => {
        const from = performance.now();
        await post(socket, "/lock/acquire", body);
        const latencyMs = performance.now() - from;
        await post(socket, "/lock/release", body);
        return latencyMs;
      };
    },
    // A renewal is one replicated command; the long owner makes it 100 bytes.
    async writes(client): Promise<Operation> {
      const { socket, body: { resource } } = await session(client);
      const body = { resource, owner: `client-${client}-`.padEnd(64, "x") };
      await post(socket, "/lock/acquire", body);
      return async () => {
        await post(socket, "/lock/renew", body);
        return null;
      };
    },
  };
}
