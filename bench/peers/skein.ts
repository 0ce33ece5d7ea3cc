/**
 * Three Skein peers on this machine, each its own process, with the embedded log and its fsync on, all with
 * default settings.
 */
import assert from "node:assert/strict";
import type { System } from "./etcd.ts";
import { HttpSocket, type Operation } from "./load.ts";
import { eventually, freePort, Processes } from "./processes.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

export async function startSkein(more: readonly string[] = []): Promise<System> {
  const processes = new Processes();
  const peers = [1, 2, 3].map((n) => ({ name: `p${n}`, http: freePort(), listen: freePort() }));
  const list = peers.map(({ listen }) => `127.0.0.1:${listen}`).join(",");
  const key = crypto.randomUUID();
  for (const { name, http, listen } of peers) {
    // deno-fmt-ignore
    processes.start(Deno.execPath(), [
      "run", "-A", MAIN, "run", "--name", name, "--http", String(http),
      "--listen", `127.0.0.1:${listen}`, "--peers", list, "--cluster-key", key,
      "--data", `${processes.directory}/${name}`, "--log-level", "warn", ...more,
    ], name);
  }
  const addressOf = (client: number) => `127.0.0.1:${peers[client % 3]!.http}`;
  await eventually("a Skein cluster with a leader", 20_000, async () => {
    for (const client of [0, 1, 2]) {
      const answer = await fetch(`http://${addressOf(client)}/ready`);
      await answer.body?.cancel();
      assert.equal(answer.status, 200);
    }
  });
  return { name: "skein", processes, ...operations(addressOf) };
}

function operations(addressOf: (client: number) => string): Omit<System, "name" | "processes"> {
  const post = async (socket: HttpSocket, path: string, body: unknown) => {
    const { status, body: answer } = await socket.post(path, body);
    assert.equal(status, 200, `${path}: ${answer}`);
  };
  const session = async (client: number) => {
    const socket = await HttpSocket.connect(addressOf(client));
    return { socket, body: { resource: `resource-${client}`, owner: `client-${client}` } };
  };
  return {
    async lockPairs(client) {
      const { socket, body } = await session(client);
      return async () => {
        await post(socket, "/lock/acquire", body);
        await post(socket, "/lock/release", body);
        return null;
      };
    },
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
