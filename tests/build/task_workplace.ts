/**
 * Where a task that builds is tried, as people call it: with a place for what it makes and one for its temporary files,
 * both of which can be looked at afterwards, and with nothing to be downloaded.
 */
import { fileURLToPath } from "node:url";

const SCRIPTS = fileURLToPath(new URL("../../scripts", import.meta.url));
/** Nobody listens there, so nothing can be downloaded. */
const NO_PROXY = "http://127.0.0.1:9";

export interface Workplace {
  /** Where the executable shall go; is not there yet. */
  readonly output: string;
  /** For temporary files, and nothing else. */
  readonly temporary: string;
  command(...args: readonly string[]): Deno.Command;
}

/**
 * With the packages that this machine has, and without any runtime.
 * @param script of scripts/
 */
export async function withWorkplace(
  script: string,
  use: (workplace: Workplace) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "skein-test-" });
  const temporary = `${root}/tmp`;
  const command = (...args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", `${SCRIPTS}/${script}`, ...args],
      env: {
        DENO_DIR: `${root}/deno`,
        HTTPS_PROXY: NO_PROXY,
        TMPDIR: temporary,
        NO_COLOR: "1",
        SKEIN_BUILD_COMMIT: "0123456789abcdef",
        SOURCE_DATE_EPOCH: "1700000000",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  try {
    await Deno.mkdir(temporary);
    await Deno.mkdir(`${root}/deno`);
    await Deno.symlink(await packageCache(), `${root}/deno/npm`, { type: "dir" });
    await use({ output: `${root}/out/skein`, temporary, command });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function packageCache(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).npmCache;
}

/** Runs it to its end. */
export async function ended(command: Deno.Command) {
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

export function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

/**
 * Runs it, and sends it a signal once it has said something.
 * @returns its exit code and all that it said
 */
export async function endsAt(
  moment: string,
  signal: Deno.Signal,
  command: Deno.Command,
): Promise<{ readonly code: number; readonly said: string }> {
  const child = command.spawn();
  const printed = child.stdout.cancel();
  let said = "";
  let isSent = false;
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (isSent || !said.includes(moment)) continue;
    isSent = true;
    child.kill(signal);
  }
  await printed;
  return { code: (await child.status).code, said };
}
