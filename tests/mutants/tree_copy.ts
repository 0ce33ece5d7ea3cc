/**
 * A copy of what the tests need, in a temporary directory, in which one mutant at a time can live. The
 * dependencies are linked, not copied.
 */
import { join } from "node:path";
import { type Catcher, type Mutant, mutate } from "./mutant.ts";

/** What the copy holds; paths are relative to the repository. */
const COPIED = ["src", "tests", "scripts", "README.md", "deno.json", "deno.lock"];

export type Caught =
  | { readonly kind: "caught"; readonly by: string }
  | { readonly kind: "survived" }
  /** The edit does not fit the source any more. */
  | { readonly kind: "unfit"; readonly why: string };

/** A catcher that did not pass. */
export interface Failure {
  /** Which one, and after how long. */
  readonly by: string;
  readonly lastLines: string;
}

const LINES_SHOWN = 25;

export class TreeCopy {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param repository the directory of deno.json */
  static async make(repository: string): Promise<TreeCopy> {
    const directory = await Deno.makeTempDir({ prefix: "skein-mutant-" });
    for (const path of COPIED) await copy(join(repository, path), join(directory, path));
    await Deno.symlink(join(repository, "node_modules"), join(directory, "node_modules"));
    return new TreeCopy(directory);
  }

  /** Runs the catchers on the edited tree until one fails, then takes the edit back. */
  async try(mutant: Mutant, limitMs: number): Promise<Caught> {
    const path = join(this.#directory, mutant.file);
    const source = await Deno.readTextFile(path);
    const mutated = mutate(source, mutant);
    if (!mutated.ok) return { kind: "unfit", why: mutated.why };
    await Deno.writeTextFile(path, mutated.source);
    try {
      const endMs = performance.now() + limitMs;
      for (const catcher of mutant.caughtBy) {
        const failure = await this.run(catcher, endMs - performance.now());
        if (failure !== null) return { kind: "caught", by: failure.by };
      }
      return { kind: "survived" };
    } finally {
      await Deno.writeTextFile(path, source);
    }
  }

  /** @returns what failed; null when it passed */
  async run(catcher: Catcher, limitMs: number): Promise<Failure | null> {
    const started = performance.now();
    const signal = AbortSignal.timeout(Math.max(1, limitMs));
    const child = new Deno.Command(Deno.execPath(), {
      args: argumentsOf(catcher),
      cwd: this.#directory,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
      stdin: "null",
      signal,
    }).spawn();
    const { success, stdout, stderr } = await child.output();
    if (success) return null;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const by = signal.aborted
      ? `${nameOf(catcher)}, which did not end in ${seconds} s`
      : `${nameOf(catcher)} in ${seconds} s`;
    return { by, lastLines: lastLinesOf(stdout) + lastLinesOf(stderr) };
  }

  async remove(): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

export function nameOf(catcher: Catcher): string {
  if (catcher.kind === "test") return catcher.path;
  const { seeds, workload, fault } = catcher;
  const which = workload === "others" ? "" : fault === null ? "'s cache" : `'s ${fault}`;
  return `${seeds} seeds of the simulator${which}`;
}

function argumentsOf(catcher: Catcher): string[] {
  if (catcher.kind === "test") {
    return ["test", "-A", "--no-check", "--fail-fast", "--quiet", catcher.path];
  }
  const { seeds, workload, fault } = catcher;
  const simulator = ["run", "-A", "--no-check", "tests/sim/main.ts", "--workers", "1"];
  const options = ["--seeds", `${seeds}`, "--workload", workload];
  return [...simulator, ...options, ...fault === null ? [] : ["--fault", fault]];
}

function lastLinesOf(output: Uint8Array): string {
  return new TextDecoder().decode(output).split("\n").slice(-LINES_SHOWN).join("\n");
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}
