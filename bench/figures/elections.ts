/** Elections after a leader's death, among processes with short timeouts, and of pure cores. */
import { startSkein } from "../peers/skein.ts";
import { type Figure, quantile } from "./figure.ts";

const SHORT = ["--election-timeout", "0.15,0.3", "--heartbeat", "0.03"];
const ROUNDS = 5;

/** From kill -9 of the leader until another peer says that it leads. */
export async function* killedLeaders(): AsyncGenerator<Figure> {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const system = await startSkein(SHORT);
    try {
      const states = () => Promise.all(system.urls.map(roleOf));
      const leader = (await states()).indexOf("leader");
      system.processes.kill(leader);
      const began = performance.now();
      const others = system.urls.filter((_, place) => place !== leader);
      while (!(await Promise.all(others.map(roleOf))).includes("leader"));
      samples.push(performance.now() - began);
    } finally {
      await system.processes.stop();
    }
  }
  const [p50, most] = [quantile(samples, 0.5), Math.max(...samples)];
  yield {
    name: "kill -9 of the leader until another leads, timeouts 0.15–0.3 s",
    measured: `${p50.toFixed(0)} ms median, ${most.toFixed(0)} ms at most of ${ROUNDS}`,
    aim: "≤ 500 ms",
  };
  yield {
    name: "so elections a second, one after the other",
    measured: (1000 / p50).toFixed(1),
    aim: "told; of pure cores: bench/raft_bench.ts",
  };
}

async function roleOf(url: string): Promise<string> {
  const response = await fetch(`${url}/raft/state`);
  const { role } = await response.json();
  return role;
}
