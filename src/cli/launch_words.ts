/**
 * A program of its own, for launchers that are shell scripts: prints the permission flags of one command line as words
 * that a shell reads back unchanged. Its first argument is the program's folder, the others are that line.
 */
import { LAUNCH_TABLE, launchFlags } from "./launch_flags.ts";

const [programFolder = "", ...args] = Deno.args;
const flags = launchFlags({
  args,
  environment: namedEnvironment(),
  readFile: (path) => Deno.readTextFileSync(path),
  programFolder,
});
console.log(flags.map(shellWord).join(" "));

/** Of the environment, what may name a path: it is allowed to read no more. */
function namedEnvironment(): Record<string, string | undefined> {
  const sources = [LAUNCH_TABLE.config, ...LAUNCH_TABLE.commands.flatMap(({ paths }) => paths)];
  const names = sources.flatMap(({ environment }) => environment);
  return Object.fromEntries(names.map((name) => [name, Deno.env.get(name)]));
}

/** Between single quotes a shell takes everything as it stands, but for the quote. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
