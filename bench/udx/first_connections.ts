/**
 * How long two peers of Hyperswarm on one machine take to their first bytes, on our UDX and on the original's, in DHTs of
 * several sizes: one joins and is announced, then the other. Prints the median, and how many took longer than a second,
 * which are connections that were opened and then lost on the way (see src/udx/README.md):
 * `deno run -A bench/udx/first_connections.ts [ROUNDS]`.
 */
import { Actor, type Side } from "../../tests/udx/actor.ts";
import { installNative } from "../../tests/udx/native_peer.ts";

const SLOW_MS = 1_000;
const ROUND_MS = 45_000;
const rounds = Number(Deno.args[0] ?? 40);

await installNative();
for (const others of [2, 3, 7]) {
  for (const side of ["native", "ours"] as const) console.log(await measure(side, others));
}

async function measure(side: Side, others: number): Promise<string> {
  const actors = [new Actor(side, "swarm"), new Actor(side, "swarm"), new Actor(side, "swarm")];
  const [dht, one, other] = actors as [Actor, Actor, Actor];
  try {
    const { port } = await dht.call("dht", { others });
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const first = await one.call("join", { port, topic: round % 256 });
      const beganMs = performance.now();
      const second = await other.call("join", { port, topic: round % 256 });
      await Promise.all([
        one.wait("data", first.id, ROUND_MS),
        other.wait("data", second.id, ROUND_MS),
      ]);
      times.push(performance.now() - beganMs);
      await other.call("leave", { id: second.id });
      await one.call("leave", { id: first.id });
    }
    times.sort((left, right) => left - right);
    const slow = times.filter((ms) => ms > SLOW_MS).length;
    const median = times[times.length >> 1]!.toFixed(0);
    return `${side.padEnd(6)} ${others + 1} nodes: median ${median.padStart(4)} ms, ` +
      `${slow} of ${rounds} took longer than a second, at most ${times.at(-1)!.toFixed(0)} ms`;
  } finally {
    await Promise.all(actors.map((actor) => actor.close()));
  }
}
