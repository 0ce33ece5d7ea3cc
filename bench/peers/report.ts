/**
 * Turns measurements into a table, and keeps it in `bench/results.md`: one section a benchmark, replaced
 * by each run that saves, with the machine and the date under its heading.
 */
import os from "node:os";
import type { LoadResult } from "./load.ts";

export interface Row {
  readonly name: string;
  readonly clients: number;
  readonly skein: (LoadResult & { readonly cpu: string }) | undefined;
  readonly etcd: (LoadResult & { readonly cpu: string }) | undefined;
}

const RESULTS = new URL("../results.md", import.meta.url);

/** A Markdown table; cores are CPU seconds a second, of each member and of the load. */
export function renderComparison(rows: readonly Row[]): string {
  const lines = [
    "| load | clients | system | a second | p50 ms | p95 ms | p99 ms | cores, members | cores, load | ratio |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const { name, clients, skein, etcd } of rows) {
    for (const [system, result] of [["skein", skein], ["etcd", etcd]] as const) {
      if (result === undefined) continue;
      const ratio = system === "skein" && etcd !== undefined
        ? `${(result.rate / etcd.rate).toFixed(2)} × rate, ` +
          `${(result.p50Ms / etcd.p50Ms).toFixed(2)} × p50`
        : "";
      lines.push(
        `| ${name} | ${clients} | ${system} | ${Math.round(result.rate)} | ` +
          `${result.p50Ms.toFixed(2)} | ${result.p95Ms.toFixed(2)} | ` +
          `${result.p99Ms.toFixed(2)} | ${result.cpu} | ` +
          `${(result.loadCpuSeconds / result.seconds).toFixed(2)} | ${ratio} |`,
      );
    }
  }
  return lines.join("\n");
}

/** Replaces or appends the section `title` of the results page; `name` marks it. */
export function saveSection(name: string, title: string, body: string): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const cpu = os.cpus()[0]?.model ?? "unknown CPU";
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const machine = `${os.cpus().length} cores (${cpu}), ${memory} GiB, ${os.type()} ` +
    `${os.release()}, Deno ${Deno.version.deno}`;
  const date = new Date().toISOString().slice(0, 10);
  const section = `${begin}\n## ${title}\n\n${date}, ${machine}\n\n${body}\n${end}\n`;
  const page = readPage();
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  const next = from >= 0 && to > from
    ? page.slice(0, from) + section.trimEnd() + page.slice(to + end.length)
    : `${page.trimEnd()}\n\n${section}`;
  Deno.writeTextFileSync(RESULTS, next);
}

function readPage(): string {
  try {
    return Deno.readTextFileSync(RESULTS);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "# Measured\n\nWritten by the benchmarks themselves (`--save`); run them again to compare.\n";
  }
}
