/** The ways to a Redis that operators have: TLS with a CA of their own, sentinels, and a cluster. */
import { deepStrictEqual, match, rejects } from "node:assert/strict";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import { StorageInUseError } from "../../src/storage/storage.ts";
import { makeCertificate } from "../certificates.ts";
import { eventually } from "../eventually.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { withDirectory } from "../with_directory.ts";
import { entries, entry, founded } from "./records.ts";
import { KEYS, makeStore, type StoreOptions, withStore } from "./redis_store.ts";

async function writesAndReads(url: string, options: StoreOptions = {}): Promise<void> {
  await withStore(url, options, (storage) => storage.append([...founded(1), entries(1, 2, 4)]));
  await withStore(url, options, async (storage) => {
    deepStrictEqual(await storage.readEntries(1, 3, 5, 1e6), [entry(3), entry(4)]);
  });
}

redisTest("redis by TLS: with a CA of one's own, and not without", async () => {
  await withDirectory(async (directory) => {
    const { cert, key } = await makeCertificate("localhost");
    await Deno.writeTextFile(`${directory}/cert.pem`, cert);
    await Deno.writeTextFile(`${directory}/key.pem`, key);
    const tlsPort = freePort();
    // deno-fmt-ignore
    const flags = [
      "--tls-port", String(tlsPort), "--tls-auth-clients", "no", "--requirepass", "secret",
      "--tls-cert-file", `${directory}/cert.pem`, "--tls-key-file", `${directory}/key.pem`,
    ];
    await RedisServer.with(flags, async () => {
      const url = `rediss://:secret@localhost:${tlsPort}`;
      await writesAndReads(url, { certificates: cert });
      await rejects(makeStore(url).open(), /is not reached by TLS/);
      const byAddress = `rediss://:secret@127.0.0.1:${tlsPort}`;
      await withStore(byAddress, { certificates: cert }, () => Promise.resolve());
      await rejects(makeStore(byAddress).open(), /is not reached by TLS/);
    });
  });
});

redisTest("redis through sentinels: the primary that they name", async () => {
  await RedisServer.with([], async (server) => {
    await withDirectory(async (directory) => {
      const port = freePort();
      const lines = [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${directory}`,
        `sentinel monitor primary 127.0.0.1 ${server.port} 1`,
      ];
      await Deno.writeTextFile(`${directory}/sentinel.conf`, lines.join("\n") + "\n");
      const sentinel = new Deno.Command("redis-server", {
        args: [`${directory}/sentinel.conf`, "--sentinel"],
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        await eventually("the sentinel answers", 20_000, async () => {
          (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        });
        await writesAndReads(`redis-sentinel://127.0.0.1:${port}/primary`);
        const other = makeStore(`redis-sentinel://127.0.0.1:${port}/another`);
        await rejects(other.open(), /Redis at redis-sentinel:.*\/another is not known to its sent/);
        // Takes connections and never answers.
        using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        const hosts = `127.0.0.1:${(silent.addr as Deno.NetAddr).port},127.0.0.1:${port}`;
        const timeouts = { replyMs: 6_000 };
        await withStore(`redis-sentinel://${hosts}/primary`, { timeouts }, async (storage) => {
          deepStrictEqual(await storage.readEntries(1, 3, 5, 1e6), [entry(3), entry(4)]);
        });
      } finally {
        sentinel.kill("SIGKILL");
        await sentinel.status;
      }
    });
  });
});

/** A node that has met no other does not know its own address. */
const NODE = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"];

async function serves(node: RedisServer, nodes = 1): Promise<void> {
  await eventually("the cluster serves", 20_000, async () => {
    const info = await node.send("CLUSTER", "INFO");
    match(info, /cluster_state:ok/);
    match(info, new RegExp(`cluster_size:${nodes}\r`));
  });
}

redisTest("redis as a cluster: all of a peer's keys are in one slot", async () => {
  await RedisServer.with(NODE, async (server) => {
    await server.send("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await serves(server);
    const url = `redis-cluster://127.0.0.1:${server.port}`;
    await writesAndReads(url);
    const timeouts = { ownerMs: 600 };
    await withStore(url, { timeouts }, async () => {
      await rejects(makeStore(url, { timeouts }).open(), StorageInUseError);
      match(await server.send("GET", KEYS.owner), /"clientId":""/, "one node does not know all");
    });
  });
});

redisTest("redis as a cluster: the node that has the keys is asked what it promises", async () => {
  await RedisServer.with(NODE, async (home) => {
    await RedisServer.with([...NODE, "--appendonly", "no"], async (other) => {
      const slot = Number((await home.send("CLUSTER", "KEYSLOT", KEYS.state)).slice(1));
      const rest = [[0, slot - 1], [slot + 1, 16_383]].flat().map(String);
      await home.send("CLUSTER", "ADDSLOTS", String(slot));
      await other.send("CLUSTER", "ADDSLOTSRANGE", ...rest);
      await other.send("CLUSTER", "MEET", "127.0.0.1", String(home.port));
      for (const node of [home, other]) await serves(node, 2);
      const url = `redis-cluster://127.0.0.1:${home.port}`;
      // Any node would be asked by chance.
      for (let time = 0; time < 8; time++) {
        await withStore(url, { requireDurable: true }, () => Promise.resolve());
      }
      const keys = redisKeys("a cluster key of tests", "n2");
      const elsewhere = makeStore(url, { requireDurable: true, keys });
      await rejects(elsewhere.open(), /refused by --redis-require-durable/);
    });
  });
});

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
