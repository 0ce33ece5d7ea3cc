/**
 * Turns measurements into tables, and keeps them in `bench/results.md`: one section a benchmark, replaced by each
 * run that saves, with the machine and the date under its heading.
 */
import os from "node:os";
import { type Aim, find, type Load, type Measured } from "./suite.ts";

const RESULTS = new URL("../results.md", import.meta.url);

/**
 * A Markdown table; cores are CPU seconds a second, of each server process and of the load.
 * @param reference the system whose figures are set beside each other system's
 */
export function renderComparison(
  loads: readonly Pick<Load<never>, "name" | "clients">[],
  measured: readonly Measured[],
  reference: string,
): string {
  const lines = [
    `| load | clients | system | a second | p50 ms | p95 ms | p99 ms | cores, servers | cores, load | ${reference} beside it |`,
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const { name, clients } of loads) {
    const own = find(measured, { system: reference, load: name, clients });
    for (const one of measured) {
      if (one.load !== name || one.clients !== clients) continue;
      const { system, result, serverCores } = one;
      const cells = [
        name,
        clients,
        system,
        Math.round(result.rate),
        milliseconds(result.p50Ms),
        milliseconds(result.p95Ms),
        milliseconds(result.p99Ms),
        serverCores.map((cores) => cores.toFixed(2)).join(" "),
        (result.loadCpuSeconds / result.seconds).toFixed(2),
        own === undefined || own === one ? "" : ratio(own, one),
      ];
      lines.push(`| ${cells.join(" | ")} |`);
    }
  }
  return lines.join("\n");
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(2);
}

function ratio(own: Measured, other: Measured): string {
  const rate = `${(own.result.rate / other.result.rate).toFixed(2)} × rate`;
  if (Number.isNaN(own.result.p50Ms) || Number.isNaN(other.result.p50Ms)) return rate;
  return `${rate}, ${(own.result.p50Ms / other.result.p50Ms).toFixed(2)} × p50`;
}

/** A Markdown table of the aims that this run can tell of; empty where it can tell of none. */
export function renderAims(aims: readonly Aim[], measured: readonly Measured[]): string {
  const rows = aims.flatMap(({ what, of, over, atLeast }) => {
    const own = find(measured, of)?.result.rate;
    const other = over === null ? 1 : find(measured, over)?.result.rate;
    if (own === undefined || other === undefined) return [];
    const reached = own / other;
    const verdict = reached >= atLeast ? "reached" : "missed";
    const [least, shown] = over === null
      ? [`${atLeast}/s`, `${Math.round(reached)}/s`]
      : [`${atLeast} ×`, `${reached.toFixed(2)} ×`];
    return [`| ${what} | ${least} | ${shown} | ${verdict} |`];
  });
  if (rows.length === 0) return "";
  return ["| aim | at least | measured | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** Replaces or appends the section `title` of the results page; `name` marks it. */
export function saveSection(name: string, title: string, body: string): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const section = `${begin}\n## ${title}\n\n${dateAndMachine()}\n\n${body}\n${end}\n`;
  const page = readPage();
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  const next = from >= 0 && to > from
    ? page.slice(0, from) + section.trimEnd() + page.slice(to + end.length)
    : `${page.trimEnd()}\n\n${section}`;
  Deno.writeTextFileSync(RESULTS, next);
}

export function dateAndMachine(): string {
  const cpu = os.cpus()[0]?.model ?? "unknown CPU";
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${os.cpus().length} cores (${cpu}), ${memory} GiB, ${os.type()} ` +
    `${os.release()}, Deno ${Deno.version.deno}`;
}

function readPage(): string {
  try {
    return Deno.readTextFileSync(RESULTS);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "# Measured\n\nWritten by the benchmarks themselves (`--save`); run them again to compare.\n";
  }
}
