/**
 * A real peer, by the command line's own `main`, and an intruder in the same process: once the peer listens it tries
 * all that intrusions.ts has, and says on standard output what came of it. On SIGUSR2 it lets one fsync of the peer
 * fail, on which the peer opens its store anew.
 */
import { main } from "../../src/cli/program.ts";
import { intrusionsFor, type Loot } from "./intrusions.ts";

/** What came of one attempt: what it got, as JSON, or what it was refused with. */
export interface Outcome {
  readonly kind: string;
  readonly what: string;
  readonly got?: string;
  readonly refused?: string;
}

const [text = "", ...args] = Deno.args;
const loot: Loot = JSON.parse(text);

async function intrude(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { kind, what, attempt } of intrusionsFor(loot)) {
    try {
      const got = await attempt(loot);
      outcomes.push({ kind, what, got: JSON.stringify(got) ?? "" });
    } catch (error) {
      outcomes.push({ kind, what, refused: String(error) });
    }
  }
  return outcomes;
}

const print = console.log;
console.log = (line: string) => {
  print(line);
  // The peer's one line: it listens.
  console.log = print;
  void intrude().then((outcomes) => print(JSON.stringify(outcomes)));
};

Deno.addSignalListener("SIGUSR2", () => {
  const { syncData } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.syncData = () => {
    Deno.FsFile.prototype.syncData = syncData;
    return Promise.reject(new Error("the disk is gone"));
  };
});

Deno.exit(await main(args));
