/**
 * How this program starts itself once more, as `skein cluster` does for each of its peers: the compiled executable, or
 * what a launcher said that started it, or Deno with the rights of that command line and no others.
 */
import { fileURLToPath } from "node:url";
import { launchFlags } from "./launch_flags.ts";
import { EXECUTABLE_ENVIRONMENT } from "./rights.ts";
import { RUNTIME_FLAGS } from "./runtime_flags.ts";

export interface ProgramCall {
  readonly program: string;
  readonly args: readonly string[];
}

/** What is known of how this process was started. */
export interface Origin {
  /** Deno's executable, or this program where it is compiled. */
  readonly execPath: string;
  readonly compiled: boolean;
  /** The URL of the module that the program begins with. */
  readonly main: string;
}

const ORIGIN: Origin = {
  execPath: Deno.execPath(),
  compiled: Deno.build.standalone,
  main: new URL("../main.ts", import.meta.url).href,
};

/**
 * @param args what stands behind the program's name
 * @param environment of the new process: it may name paths
 */
export function callItself(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  { execPath, compiled, main }: Origin = ORIGIN,
): ProgramCall {
  if (compiled) return { program: execPath, args };
  const launcher = environment[EXECUTABLE_ENVIRONMENT];
  if (launcher) return { program: launcher, args };
  const flags = launchFlags({
    args,
    environment,
    readFile: (path) => Deno.readTextFileSync(path),
    programFolder: fileURLToPath(new URL("..", new URL(".", main))).replace(/[\\/]$/, ""),
  });
  return { program: execPath, args: ["run", "--quiet", ...RUNTIME_FLAGS, ...flags, main, ...args] };
}
