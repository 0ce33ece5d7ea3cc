/**
 * A program run as on a machine that has nothing but itself: an empty home, no Deno and no Node to be found, and a
 * network of its own that leads nowhere but to itself.
 */

const TOOL_FOLDERS = ["/usr/bin", "/bin"];
const RUNTIMES = /^(?:deno|denort|node|nodejs|npm|npx|corepack|bun)(?:\d|$)/;

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** @returns why there can be no such machine here; null where there can */
export function whyNoLoneMachine(): string | null {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  try {
    const { success, stderr } = new Deno.Command("unshare", {
      args: [...unshareFlags(), "ip", "link", "set", "lo", "up"],
      stdout: "null",
    }).outputSync();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no unshare";
    throw error;
  }
}

export class LoneMachine implements AsyncDisposable {
  /** Of the user; empty at first. */
  readonly home: string;
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
    this.home = `${root}/home`;
  }

  static async make(): Promise<LoneMachine> {
    const root = await Deno.makeTempDir({ prefix: "skein-alone-" });
    const machine = new LoneMachine(root);
    await Deno.mkdir(machine.home);
    await Deno.mkdir(`${root}/bin`);
    for (const folder of TOOL_FOLDERS) {
      for await (const { name } of Deno.readDir(folder)) {
        if (RUNTIMES.test(name)) continue;
        // The same name may lie in both folders, which often are one.
        await Deno.symlink(`${folder}/${name}`, `${root}/bin/${name}`).catch((error) => {
          if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        });
      }
    }
    return machine;
  }

  /**
   * @param program by its whole path
   * @param environment of the program, and nothing else
   */
  async run(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Ended> {
    const enter = 'ip link set lo up && export PATH="$1" && shift && exec "$@"';
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [...unshareFlags(), "sh", "-c", enter, "sh", `${this.#root}/bin`, program, ...args],
      // Until it is entered: `ip` lies where an ordinary user does not look.
      env: { ...environment, PATH: "/usr/sbin:/sbin:/usr/bin:/bin", HOME: this.home },
      clearEnv: true,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

/** Whoever is not root may have a network of its own only as root of a user namespace of its own. */
function unshareFlags(): string[] {
  return Deno.uid() === 0 ? ["--net"] : ["--net", "--map-root-user"];
}
