/**
 * Starts what was built for this machine, once: it must say that it was built from this commit, and a peer must come up
 * and stop, which loads the native code, and so must a DHT, which loads what a swarm is made of. It gets its own home and
 * temporary directory, so that nothing of it stays.
 */
import type { Stage } from "./stage.ts";

const DEADLINE_MS = 60_000;
const ANY_PORT = "127.0.0.1:0";

/**
 * @param directory an empty one to work in
 * @throws {Error} when it does not run, or is not what it should be
 */
export async function tryExecutable(
  executable: string,
  { origin, form }: Stage,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    env: {
      ...Deno.build.os === "windows" ? Deno.env.toObject() : { PATH: Deno.env.get("PATH") ?? "" },
      HOME: directory,
      XDG_CACHE_HOME: `${directory}/cache`,
      TMPDIR: directory,
      NO_COLOR: "1",
    },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
  } as const;
  const version = await new Deno.Command(executable, {
    ...options,
    args: ["version", "--json"],
  }).output();
  signal.throwIfAborted();
  const said = new TextDecoder().decode(version.stdout);
  const document = parsed(said);
  if (document?.["commit"] !== origin.commit || document["form"] !== form) {
    const complaint = said + new TextDecoder().decode(version.stderr);
    throw new Error(`what was built does not run; asked for its version, it said: ${complaint}`);
  }
  const start = (args: readonly string[]) =>
    startAndStop(new Deno.Command(executable, { ...options, args: [...args] }), signal);
  const listen = ["--listen", ANY_PORT, "--json"];
  const peer = await start(["run", "--http", ANY_PORT, "--data", `${directory}/data`, ...listen]);
  if (peer !== null) throw new Error(`what was built starts no peer ${peer}`);
  const dht = await start(["dht", ...listen]);
  if (dht !== null) throw new Error(`what was built starts no DHT ${dht}`);
}

/** @returns null where it says that it listens, and stops when it is told to; else what came of it */
async function startAndStop(command: Deno.Command, signal: AbortSignal): Promise<string | null> {
  const child = command.spawn();
  const stderr = child.stderr.text();
  const listening = parsed(await firstLine(child.stdout))?.["success"] === true;
  if (listening) child.kill("SIGTERM");
  const { code } = await child.status;
  signal.throwIfAborted();
  // On Windows any signal ends a process at once, with an exit code of its own.
  if (listening && (code === 0 || Deno.build.os === "windows")) return null;
  return `(exit code ${code}):\n${await stderr}`;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @returns what there is where the stream ends before; the rest of the stream is dropped */
async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return text;
}
