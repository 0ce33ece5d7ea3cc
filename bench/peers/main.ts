/**
 * `deno task bench:peers`: Skein and etcd in turn, three members each, on this one machine, under the same
 * closed-loop load with the same number of clients spread over all members; fsync on in both. Prints the
 * ratios, and keeps them with machine and date in `bench/results.md`.
 */
import { parseArgs } from "node:util";
import { startEtcd, type System } from "./etcd.ts";
import { type LoadResult, type Operation, runLoad } from "./load.ts";
import { renderComparison, type Row, saveSection } from "./report.ts";
import { startSkein } from "./skein.ts";

interface Load {
  readonly name: string;
  readonly clients: number;
  readonly operation: (system: System) => (client: number) => Promise<Operation>;
}

const LOADS: readonly Load[] = [
  { name: "lock + unlock", clients: 1, operation: (system) => system.lockPairs },
  { name: "lock + unlock", clients: 32, operation: (system) => system.lockPairs },
  { name: "lock + unlock, a lease each", clients: 1, operation: (system) => system.leasedPairs },
  { name: "lock + unlock, a lease each", clients: 32, operation: (system) => system.leasedPairs },
  { name: "lock alone", clients: 1, operation: (system) => system.acquires },
  { name: "lock alone", clients: 32, operation: (system) => system.acquires },
  { name: "write of 100 bytes", clients: 1, operation: (system) => system.writes },
  { name: "write of 100 bytes", clients: 64, operation: (system) => system.writes },
];

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "8" },
    only: { type: "string", default: "" },
    save: { type: "boolean", default: false },
  },
});

const measured = new Map<string, Map<string, LoadResult & { readonly cpu: string }>>();
for (const start of [startEtcd, startSkein]) {
  const system = values.only === "skein" && start === startEtcd ? null : await start();
  if (system === null) continue;
  try {
    measured.set(system.name, await measure(system));
  } finally {
    await system.processes.stop();
  }
}

const rows: Row[] = LOADS.map(({ name, clients }) => {
  const key = `${name}/${clients}`;
  const skein = measured.get("skein")?.get(key);
  const etcd = measured.get("etcd")?.get(key);
  return { name, clients, skein, etcd };
});
const report = renderComparison(rows);
console.log(report);
if (values.save) saveSection("peers", "Beside etcd, three members each on this machine", report);

async function measure(system: System) {
  const results = new Map<string, LoadResult & { readonly cpu: string }>();
  for (const { name, clients, operation } of LOADS) {
    const before = system.processes.usage();
    const durationMs = Number(values.seconds) * 1000;
    const result = await runLoad(clients, durationMs, 2_000, operation(system));
    const after = system.processes.usage();
    const cpu = after.map((usage, place) => {
      const seconds = usage.cpuSeconds - before[place]!.cpuSeconds;
      return `${(seconds / (result.seconds + 2)).toFixed(2)}`;
    }).join(" ");
    results.set(`${name}/${clients}`, { ...result, cpu });
    const rate = Math.round(result.rate);
    console.error(
      `${system.name}: ${name}, ${clients} clients: ${rate}/s, p50 ${
        result.p50Ms.toFixed(2)
      } ms, ` +
        `p95 ${result.p95Ms.toFixed(2)} ms; cores: servers ${cpu}, load ` +
        (result.loadCpuSeconds / result.seconds).toFixed(2) +
        `; resident MB ${after.map((usage) => Math.round(usage.residentBytes / 1e6)).join(" ")}`,
    );
  }
  return results;
}
