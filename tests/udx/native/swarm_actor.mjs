/**
 * A process with nodes of a DHT and swarms in it, told what to do by lines of JSON and telling by lines of JSON what
 * happens. It is handed the packages, so that both kinds of UDX are under the same ones.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";

const HOST = "127.0.0.1";

export function runSwarmActor({ Hyperswarm, HyperDHT }) {
  const nodes = [];
  const swarms = [];

  const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
  const bootstrapAt = (port) => [{ host: HOST, port }];

  const commands = {
    /** @returns the port of a new DHT's first node, which has so many others beside it */
    async dht({ others }) {
      const first = new HyperDHT({
        ephemeral: false,
        firewalled: false,
        bootstrap: [],
        port: 0,
        host: HOST,
      });
      await first.fullyBootstrapped();
      nodes.push(first);
      const { port } = first.address();
      for (let at = 0; at < others; at++) await commands.node({ port });
      return { port };
    },
    async node({ port }) {
      const node = new HyperDHT({
        ephemeral: false,
        firewalled: false,
        bootstrap: bootstrapAt(port),
        host: HOST,
      });
      await node.fullyBootstrapped();
      nodes.push(node);
      return {};
    },
    async immutable({ port, text }) {
      const node = new HyperDHT({ bootstrap: bootstrapAt(port), host: HOST });
      const { hash } = await node.immutablePut(Buffer.from(text));
      const found = await node.immutableGet(hash);
      await node.destroy();
      return { text: `${found.value}` };
    },
    async join({ port, topic }) {
      const dht = new HyperDHT({ bootstrap: bootstrapAt(port), host: HOST });
      const swarm = new Hyperswarm({ dht });
      swarms.push(swarm);
      const id = swarms.length;
      swarm.on("connection", (connection, info) => {
        const key = Buffer.from(info.publicKey).toString("hex");
        tell({ event: "connection", id, text: key });
        connection.on("error", (error) => tell({ event: "error", id, code: error.message }));
        connection.on("close", () => tell({ event: "gone", id }));
        connection.on("data", (bytes) => tell({ event: "data", id, text: `${bytes}` }));
        connection.write(Buffer.from(`hello from ${swarm.keyPair.publicKey.toString("hex")}`));
      });
      const discovery = swarm.join(Buffer.alloc(32, topic), { server: true, client: true });
      await discovery.flushed();
      return { id, key: Buffer.from(swarm.keyPair.publicKey).toString("hex") };
    },
    async leave({ id }) {
      await swarms[id - 1].destroy();
      return {};
    },
    async close() {
      for (const swarm of swarms) await swarm.destroy();
      for (const node of nodes.reverse()) await node.destroy();
      return {};
    },
  };

  createInterface({ input: process.stdin }).on("line", async (line) => {
    const { command, call, ...rest } = JSON.parse(line);
    try {
      tell({ call, result: await commands[command](rest) });
    } catch (error) {
      tell({ call, failure: `${error?.stack ?? error}` });
    }
  }).on("close", () => process.exit());
}
