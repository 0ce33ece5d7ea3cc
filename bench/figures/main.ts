/**
 * `deno task bench:figures`: single figures of one machine, beside what they aim at: how fast a peer starts,
 * elects, forgives a lost leader; what an idle and a loaded one cost; how fast the pure parts are. Kept in
 * `bench/results.md` with `--save`.
 */
import { parseArgs } from "node:util";
import { saveSection } from "../peers/report.ts";
import { cacheFigures } from "./cache.ts";
import { costFigures } from "./cost.ts";
import { eventMillions } from "./event_millions.ts";
import type { Figure } from "./figure.ts";
import { partFigures } from "./parts.ts";
import { queueGrowth } from "./queue_growth.ts";
import { queueMillion } from "./queue_million.ts";
import { startFigures } from "./starts.ts";

const { values } = parseArgs({
  options: {
    /** Part of the name of those that are measured; the page keeps them all, so it is not saved then. */
    only: { type: "string", default: "" },
    save: { type: "boolean", default: false },
  },
});
if (values.save && values.only !== "") {
  throw new Error("--save keeps all figures: leave out --only");
}

const figures: Figure[] = [];
const MEASURES = [
  partFigures,
  cacheFigures,
  startFigures,
  costFigures,
  queueGrowth,
  queueMillion,
  eventMillions,
];
for (const measure of MEASURES) {
  if (!measure.name.includes(values.only)) continue;
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
