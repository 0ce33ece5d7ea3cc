/**
 * Server processes of a benchmark: free ports, a temporary directory, and an end for everything that was
 * started. Their CPU and memory are read from /proc, so those columns are empty elsewhere.
 */

/** A port that nobody listens on at this moment. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
}

/**
 * Says on the console what is left out where the command is missing.
 * @param debianPackage where it comes from
 * @param versionFlags make it print its version and end
 */
export async function isInstalled(
  command: string,
  debianPackage: string,
  versionFlags: readonly string[] = ["--version"],
): Promise<boolean> {
  try {
    await new Deno.Command(command, { args: [...versionFlags], stdout: "null" }).output();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(
      `${command} is skipped: it is not on this machine (Debian's package: ${debianPackage})`,
    );
    return false;
  }
}

export class Processes {
  readonly #children: Deno.ChildProcess[] = [];
  readonly directory: string;

  constructor() {
    this.directory = Deno.makeTempDirSync({ prefix: "skein-bench-" });
  }

  start(command: string, args: readonly string[], logName: string): Deno.ChildProcess {
    const log = Deno.openSync(`${this.directory}/${logName}.log`, { create: true, append: true });
    const child = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const keep = async (from: ReadableStream<Uint8Array>) => {
      for await (const chunk of from) log.writeSync(chunk);
    };
    void Promise.all([keep(child.stdout), keep(child.stderr)]).finally(() => log.close());
    this.#children.push(child);
    return child;
  }

  /** What each process has taken since its start, in the order of their starts. */
  usage(): Usage[] {
    return this.#children.map(({ pid }) => {
      try {
        const status = Deno.readTextFileSync(`/proc/${pid}/status`);
        const peakKilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
        const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
        const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
        const residentBytes = Number(fields[21]) * PAGE_BYTES;
        return { cpuSeconds, residentBytes, peakResidentBytes: peakKilobytes * 1024 };
      } catch {
        return { cpuSeconds: NaN, residentBytes: NaN, peakResidentBytes: NaN };
      }
    });
  }

  /** @param place of its start, from 0 */
  kill(place: number): void {
    this.#children[place]!.kill("SIGKILL");
  }

  async killAll(): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended already
      }
    }
    await Promise.all(this.#children.map((child) => child.status));
    this.#children.length = 0;
  }

  async stop(): Promise<void> {
    await this.killAll();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Starts a system of several processes; where that fails, those that run already are ended. */
export async function startWith<S>(start: (processes: Processes) => Promise<S>): Promise<S> {
  const processes = new Processes();
  try {
    return await start(processes);
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

/** Linux on x86-64 and arm64: USER_HZ and the page size. */
const CLOCK_TICKS = 100;
const PAGE_BYTES = 4096;

/** Tries until it succeeds. @throws the last error when the time is over */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  attempt: () => Promise<T>,
  pollMs = 50,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw new Error(`${what} took too long`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

/** @throws {Error} when it takes longer */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not done in ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
