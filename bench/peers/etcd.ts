/**
 * Three etcd members on this machine, with their fsync on (etcd's default), spoken to through the JSON
 * gateway that etcd serves on its client port. A lock is taken as its own clients take it: a lease for
 * each session, `Lock` under that lease, `Unlock` of the key that came back.
 */
import assert from "node:assert/strict";
import { HttpSocket } from "./load.ts";
import type { LockOperations, LockSystem } from "./locks_suite.ts";
import { eventually, freePort, isInstalled, type Processes, startWith } from "./processes.ts";
import type { QueueSystem, Topic } from "./queue_system.ts";

const PUTS_ONLY = "etcd: three members. It is no queue: its publishes are puts of 100 bytes.";

/** @returns null, with the reason on the console, where etcd is not installed */
export async function startEtcd(): Promise<LockSystem | null> {
  if (!await isInstalled("etcd", "etcd-server")) return null;
  return await startWith(startMembers);
}

async function startMembers(processes: Processes): Promise<LockSystem> {
  const members = [1, 2, 3].map((n) => ({ name: `m${n}`, client: freePort(), peer: freePort() }));
  const cluster = members.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(",");
  const token = crypto.randomUUID();
  for (const { name, client, peer } of members) {
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    // deno-fmt-ignore
    processes.start("etcd", [
      "--name", name, "--data-dir", `${processes.directory}/${name}`,
      "--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl,
      "--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl,
      "--initial-cluster", cluster, "--initial-cluster-state", "new",
      "--initial-cluster-token", token,
    ], name);
  }
  const addressOf = (client: number) => `127.0.0.1:${members[client % 3]!.client}`;
  await eventually("an etcd cluster with a leader", 20_000, async () => {
    for (const client of [0, 1, 2]) {
      const socket = await HttpSocket.connect(addressOf(client));
      const { status } = await socket.post("/v3/kv/put", { key: btoa("ready"), value: btoa("1") });
      socket.close();
      assert.equal(status, 200);
    }
  });
  return {
    name: "etcd",
    processes,
    notes: [],
    stop: () => processes.stop(),
    ...operations(addressOf),
  };
}

/** The same members, of which a queue's clients could use the puts. */
export async function startEtcdPuts(): Promise<QueueSystem | null> {
  const system = await startEtcd();
  if (system === null) return null;
  const topic: Topic = {
    async publisher(client) {
      const write = await system.writes(client);
      let round = 0;
      return async () => {
        await write(round++);
      };
    },
    batchPublisher: null,
    consume: null,
    close: () => Promise.resolve(),
  };
  return { ...system, notes: [PUTS_ONLY], open: () => Promise.resolve(topic) };
}

function operations(addressOf: (client: number) => string): LockOperations {
  const post = async (socket: HttpSocket, path: string, body: unknown) => {
    const { status, body: answer } = await socket.post(path, body);
    assert.equal(status, 200, `${path}: ${answer}`);
    return JSON.parse(answer);
  };
  const session = async (client: number) => {
    const socket = await HttpSocket.connect(addressOf(client));
    const { ID: lease } = await post(socket, "/v3/lease/grant", { TTL: "600" });
    return { socket, lease, name: btoa(`resource-${client}`) };
  };
  return {
    async lockPairs(client) {
      const { socket, lease, name } = await session(client);
      return async () => {
        const { key } = await post(socket, "/v3/lock/lock", { name, lease });
        await post(socket, "/v3/lock/unlock", { key });
        return null;
      };
    },
    async leasedPairs(client) {
      const { socket, name } = await session(client);
      return async () => {
        const { ID } = await post(socket, "/v3/lease/grant", { TTL: "300" });
        await post(socket, "/v3/lock/lock", { name, lease: ID });
        await post(socket, "/v3/lease/revoke", { ID }); // and the lock's key with it
        return null;
      };
    },
    async acquires(client) {
      const { socket, lease, name } = await session(client);
      return async () => {
        const from = performance.now();
        const { key } = await post(socket, "/v3/lock/lock", { name, lease });
        const latencyMs = performance.now() - from;
        await post(socket, "/v3/lock/unlock", { key });
        return latencyMs;
      };
    },
    async writes(client) {
      const socket = await HttpSocket.connect(addressOf(client));
      const value = btoa("x".repeat(100));
      return async (round) => {
        await post(socket, "/v3/kv/put", { key: btoa(`key-${client}-${round % 1000}`), value });
        return null;
      };
    },
  };
}
