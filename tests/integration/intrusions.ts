/**
 * What code that has got into a peer's process would try: to start programs, to load native code, to read secrets in the
 * environment, to get rights back, to reach files that are none of the peer's. Each attempt gives back what it got,
 * or throws; a program that is started all the same leaves a file behind, whatever its caller is told.
 */
import { Buffer } from "node:buffer";
import childProcess from "node:child_process";
import { once } from "node:events";
import nodeFiles from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { Worker as NodeWorker } from "node:worker_threads";

export interface Loot {
  /** Written by every program that starts. */
  readonly traces: string;
  /** A variable that the peer was started with. */
  readonly variable: string;
  /** The peer's own folder. */
  readonly data: string;
  /** A folder that is none of the peer's. */
  readonly foreign: string;
  /** The program's folder. */
  readonly program: string;
  /** Whether to try for files that are none of the peer's: where they can be had, that does harm. */
  readonly triesFiles: boolean;
}

export interface Intrusion {
  /** What is refused: starting programs, native code, the environment, files, or asking for a right. */
  readonly kind: "run" | "ffi" | "env" | "files" | "ask";
  readonly what: string;
  /** @returns what it got; nothing is `undefined`, an empty object or false */
  attempt(loot: Loot): unknown;
}

const SHELL = "/bin/sh";

/** Native code that lies in the program's folder, as a copy of the peer's own. */
function nativeCode({ program }: Loot): string {
  const folder = `${program}/node_modules/sodium-native/prebuilds`;
  return `${folder}/${process.platform}-${process.arch}/sodium-native.node`;
}

function touch({ traces }: Loot, name: string): string[] {
  return ["-c", `touch '${traces}/${name}'`];
}

/** What the code of a worker, or of a module that is made of text, would run. */
function command(loot: Loot, name: string): string {
  const args = JSON.stringify(touch(loot, name));
  return `await new Deno.Command(${JSON.stringify(SHELL)}, { args: ${args} }).output()`;
}

/** @throws {Error} where it did not run to its end */
function requireSuccess({ status, error }: { status: number | null; error?: Error }): string {
  if (status !== 0) throw error ?? new Error("NotCapable: it did not run");
  return "it ran";
}

/** Resolves once the child ran. @throws what it was refused with */
async function requireExit(child: childProcess.ChildProcess): Promise<string> {
  const [code] = await once(child, "exit");
  return `it ran: ${code}`;
}

/** What a worker got by itself, which it tells with its first message. */
function fromWorker(code: string, permissions: Deno.PermissionOptions): Promise<unknown> {
  const body = `try { const got = ${code}; postMessage({ got }) }
    catch (error) { postMessage({ refused: error.name + ": " + error.message }) }`;
  const url = `data:application/javascript,${encodeURIComponent(body)}`;
  const worker = new Worker(url, { type: "module", deno: { permissions } } as WorkerOptions);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      worker.terminate();
      if (data.refused === undefined) resolve(data.got ?? "it ran");
      else reject(new Error(data.refused));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

const PROGRAMS: readonly Intrusion[] = [
  {
    kind: "run",
    what: "Deno.Command.output",
    attempt: (loot) => new Deno.Command(SHELL, { args: touch(loot, "output") }).output(),
  },
  {
    kind: "run",
    what: "Deno.Command.outputSync",
    attempt: (loot) => new Deno.Command(SHELL, { args: touch(loot, "sync") }).outputSync(),
  },
  {
    kind: "run",
    what: "Deno.Command.spawn",
    attempt: (loot) => new Deno.Command(SHELL, { args: touch(loot, "spawned") }).spawn().status,
  },
  {
    kind: "run",
    what: "this Deno once more, with all rights",
    attempt: () => new Deno.Command(Deno.execPath(), { args: ["eval", "1"] }).output(),
  },
  {
    kind: "run",
    what: "child_process.spawn",
    attempt: (loot) => requireExit(childProcess.spawn(SHELL, touch(loot, "spawn"))),
  },
  {
    kind: "run",
    what: "child_process.exec",
    attempt: (loot) => requireExit(childProcess.exec(touch(loot, "exec")[1]!)),
  },
  {
    kind: "run",
    what: "child_process.execFile",
    attempt: (loot) => requireExit(childProcess.execFile(SHELL, touch(loot, "execFile"))),
  },
  {
    kind: "run",
    what: "child_process.fork",
    attempt: ({ program }) => requireExit(childProcess.fork(`${program}/src/main.ts`)),
  },
  {
    kind: "run",
    what: "child_process.spawnSync",
    attempt: (loot) =>
      requireSuccess(childProcess.spawnSync(SHELL, touch(loot, "spawnSync")) as {
        status: number | null;
        error?: Error;
      }),
  },
  {
    kind: "run",
    what: "child_process.execSync",
    attempt: (loot) => childProcess.execSync(touch(loot, "execSync")[1]!),
  },
  {
    kind: "run",
    what: "a signal to the process that started the peer",
    attempt: () => Deno.kill(Deno.ppid, "SIGCONT") ?? "sent",
  },
  {
    kind: "run",
    what: "a worker with all that its parent has",
    attempt: (loot) => fromWorker(command(loot, "worker-inherit"), "inherit"),
  },
  {
    kind: "run",
    what: "a worker with the right to run programs",
    attempt: (loot) => fromWorker(command(loot, "worker-run"), { run: true }),
  },
  {
    kind: "run",
    what: "a worker of Node",
    attempt: (loot) =>
      new Promise((resolve, reject) => {
        const text = JSON.stringify(touch(loot, "node-worker")[1]);
        const code = `const { parentPort } = require("node:worker_threads");
          try { require("node:child_process").execSync(${text}); parentPort.postMessage(null) }
          catch (error) { parentPort.postMessage(error.name + ": " + error.message) }`;
        const worker = new NodeWorker(code, { eval: true });
        worker.once("error", reject);
        worker.once("message", (refused) => {
          void worker.terminate();
          if (refused === null) resolve("it ran");
          else reject(new Error(refused));
        });
      }),
  },
  {
    kind: "run",
    what: "the import of a module that runs a program",
    attempt: (loot) =>
      import(`data:application/javascript,${encodeURIComponent(command(loot, "imported"))}`),
  },
];

const NATIVE_CODE: readonly Intrusion[] = [
  {
    kind: "ffi",
    what: "Deno.dlopen",
    attempt: () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  },
  {
    kind: "ffi",
    what: "process.dlopen",
    attempt: (loot) => process.dlopen({ exports: {} }, nativeCode(loot)) ?? "loaded",
  },
  {
    kind: "ffi",
    what: "require of native code that was written into the peer's own folder",
    attempt(loot) {
      Deno.copyFileSync(nativeCode(loot), `${loot.data}/own.node`);
      return createRequire(import.meta.url)(`${loot.data}/own.node`);
    },
  },
  {
    kind: "ffi",
    what: "a pointer into this process's memory",
    attempt: () => Deno.UnsafePointer.of(new Uint8Array(8)),
  },
  {
    kind: "ffi",
    what: "a worker with the right to native code",
    attempt: () => fromWorker("Deno.dlopen('libc.so.6', {})", { ffi: true }),
  },
];

const ENVIRONMENT: readonly Intrusion[] = [
  { kind: "env", what: "Deno.env.get", attempt: ({ variable }) => Deno.env.get(variable) },
  { kind: "env", what: "Deno.env.has", attempt: ({ variable }) => Deno.env.has(variable) },
  { kind: "env", what: "Deno.env.toObject", attempt: () => Deno.env.toObject() },
  { kind: "env", what: "process.env", attempt: ({ variable }) => process.env[variable] },
  { kind: "env", what: "all of process.env", attempt: () => ({ ...process.env }) },
  {
    kind: "env",
    what: "a variable that it sets",
    attempt() {
      Deno.env.set("LD_PRELOAD", "/tmp/own.so");
      return Deno.env.get("LD_PRELOAD");
    },
  },
  {
    kind: "env",
    what: "a worker with the right to the environment",
    attempt: ({ variable }) =>
      fromWorker(`Deno.env.get(${JSON.stringify(variable)}) ?? false`, { env: true }),
  },
];

const ASKING: readonly Intrusion[] = (["run", "ffi", "env"] as const).map((name) => ({
  kind: "ask",
  what: `asking for ${name}`,
  attempt: () => Deno.permissions.requestSync({ name }).state === "granted",
}));

/** Only a launcher that knows the command line can keep these from a peer. */
const FILES: readonly Intrusion[] = [
  {
    kind: "files",
    what: "reading /etc/passwd",
    attempt: () => Deno.readTextFileSync("/etc/passwd"),
  },
  {
    kind: "files",
    what: "reading the environment in /proc",
    attempt: () => Deno.readTextFileSync("/proc/self/environ"),
  },
  {
    kind: "files",
    what: "writing into another folder",
    attempt: ({ foreign }) =>
      nodeFiles.writeFileSync(`${foreign}/x`, Buffer.from("x")) ?? "written",
  },
  {
    kind: "files",
    what: "changing the program",
    attempt: ({ program }) =>
      Deno.writeTextFileSync(`${program}/src/own.ts`, "", { createNew: true }) ?? "written",
  },
  {
    kind: "files",
    what: "a link out of its own folder",
    attempt: ({ data }) => Deno.symlinkSync("/etc", `${data}/etc`) ?? "linked",
  },
  {
    kind: "files",
    what: "moving its own folder's files away",
    attempt: ({ data, foreign }) => Deno.renameSync(`${data}/lock`, `${foreign}/lock`) ?? "moved",
  },
];

export function intrusionsFor({ triesFiles }: Loot): readonly Intrusion[] {
  return [
    ...PROGRAMS,
    ...NATIVE_CODE,
    ...ENVIRONMENT,
    ...ASKING,
    ...triesFiles ? FILES : [],
  ];
}
