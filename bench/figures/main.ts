/**
 * `deno task bench:figures`: single figures of one machine, beside what they aim at: how fast a peer starts,
 * elects, forgives a lost leader; what an idle and a loaded one cost; how fast the pure parts are. Kept in
 * `bench/results.md` with `--save`.
 */
import { parseArgs } from "node:util";
import { saveSection } from "../peers/report.ts";
import { costFigures } from "./cost.ts";
import type { Figure } from "./figure.ts";
import { partFigures } from "./parts.ts";
import { startFigures } from "./starts.ts";

const { values } = parseArgs({ options: { save: { type: "boolean", default: false } } });

const figures: Figure[] = [];
for (const measure of [partFigures, startFigures, costFigures]) {
  for await (const figure of measure()) {
    console.error(`${figure.name}: ${figure.measured} (aim ${figure.aim})`);
    figures.push(figure);
  }
}
const report = [
  "| what | measured | aim |",
  "| --- | --- | --- |",
  ...figures.map(({ name, measured, aim }) => `| ${name} | ${measured} | ${aim} |`),
].join("\n");
console.log(report);
if (values.save) saveSection("figures", "Single figures", report);
