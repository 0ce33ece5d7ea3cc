/** Starting and electing: peers in this process, and peers as processes. */
import { freePort } from "../peers/processes.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { SILENT } from "../../src/logger.ts";
import type { Peer } from "../../src/peer/peer.ts";
import { startPeer } from "../../src/peer/start_peer.ts";
import { type Figure, quantile } from "./figure.ts";
import { killedLeaders } from "./elections.ts";
import { processStarts } from "./processes.ts";

const KEY = "a key of a benchmark";

export async function* startFigures(): AsyncGenerator<Figure> {
  yield await onePeer();
  yield await fivePeers();
  yield* killedLeaders();
  yield* processStarts();
}

function configOf(directory: string, more: Readonly<Record<string, string>>) {
  return loadConfig({
    flags: { http: "0", data: directory, "cluster-key": KEY, ...more },
    environment: {},
    readFile: () => "",
    hostName: "bench",
    terminal: false,
  });
}

async function onePeer(): Promise<Figure> {
  const samples: number[] = [];
  for (let round = 0; round < 5; round++) {
    const directory = Deno.makeTempDirSync({ prefix: "skein-bench-" });
    const config = configOf(directory, { name: "p1", listen: `127.0.0.1:${freePort()}` });
    const began = performance.now();
    const peer = await startPeer(config, { logger: SILENT });
    samples.push(performance.now() - began);
    await peer.stop();
    await Deno.remove(directory, { recursive: true });
  }
  const measured = `${quantile(samples, 0.5).toFixed(0)} ms`;
  return { name: "`startPeer` in process, median of 5", measured, aim: "< 100 ms" };
}

async function fivePeers(): Promise<Figure> {
  const samples: number[] = [];
  for (let round = 0; round < 3; round++) {
    const directory = Deno.makeTempDirSync({ prefix: "skein-bench-" });
    const ports = Array.from({ length: 5 }, () => freePort());
    const list = ports.map((port) => `127.0.0.1:${port}`).join(",");
    const began = performance.now();
    const peers = await Promise.all(ports.map((port, place) => {
      const more = { name: `p${place}`, listen: `127.0.0.1:${port}`, peers: list };
      return startPeer(configOf(`${directory}/p${place}`, more), { logger: SILENT });
    }));
    await leaderOf(peers);
    samples.push(performance.now() - began);
    await Promise.all(peers.map((peer) => peer.stop()));
    await Deno.remove(directory, { recursive: true });
  }
  const measured = `${quantile(samples, 0.5).toFixed(0)} ms`;
  return { name: "five peers in process until all know a leader", measured, aim: "< 1,000 ms" };
}

async function leaderOf(peers: readonly Peer[]): Promise<void> {
  while (!peers.every((peer) => peer.health().healthy)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
