/**
 * Three etcd members on this machine, with their fsync on (etcd's default), spoken to through the JSON
 * gateway that etcd serves on its client port. A lock is taken as its own clients take it: a lease for
 * each session, `Lock` under that lease, `Unlock` of the key that came back.
 */
import assert from "node:assert/strict";
import { HttpSocket, type Operation } from "./load.ts";
import { eventually, freePort, Processes } from "./processes.ts";

export interface System {
  readonly name: string;
  readonly processes: Processes;
  lockPairs(client: number): Promise<Operation>;
  /** The same, where each lock has a lease of its own, as every lock of Skein has. */
  leasedPairs(client: number): Promise<Operation>;
  /** One acquire a round, of which the latency alone is told; the release is not measured. */
  acquires(client: number): Promise<Operation>;
  /** One replicated write of about 100 bytes a round. */
  writes(client: number): Promise<Operation>;
}

/** @returns null, with the reason on the console, where etcd is not installed */
export async function startEtcd(): Promise<System | null> {
  try {
    await new Deno.Command("etcd", { args: ["--version"], stdout: "null" }).output();
  } catch {
    console.error("etcd is skipped: there is no `etcd` on this machine (Debian: etcd-server)");
    return null;
  }
  const processes = new Processes();
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
  return { name: "etcd", processes, ...operations(addressOf) };
}

function operations(addressOf: (client: number) => string): Omit<System, "name" | "processes"> {
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
