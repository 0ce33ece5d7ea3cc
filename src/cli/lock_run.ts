/**
 * `skein lock run NAME -- COMMAND`: holds a lock while a command runs, renews it, and gives it back. The command
 * finds its fencing token in SKEIN_FENCING_TOKEN. When the lock is lost the command is ended: SIGTERM, and
 * SIGKILL after a grace. The command's exit code is handed back, 128 + n where a signal ended it; what goes
 * wrong with the lock itself has exit codes of its own (see exit_codes.ts).
 */
import { Command, Option } from "@commander-js/extra-typings";
import { type LockGrant, type SkeinClient, SkeinError } from "../client/mod.ts";
import { readGrace, readTtl, readWait } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EXIT, lockRunCode, SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit, reportFailure } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import { restoreOuterEnvironment } from "./outer_environment.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { SIGNAL_NUMBERS } from "./stop_signals.ts";

/** What shells answer for a command that is not there, or may not be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const WAIT_DEFAULT_MS = 3_600_000;
const TTL_DEFAULT_MS = 30_000;
const GRACE_DEFAULT_MS = 5_000;
/** Waiting longer for the release would only keep the caller from the command's exit code. */
const RELEASE_TIMEOUT_MS = 2_000;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

interface RunOptions {
  readonly mode: "exclusive" | "shared";
  readonly wait: number;
  readonly ttl: number;
  readonly grace: number;
  readonly json?: boolean | undefined;
}

export function define() {
  // At once, for by the time that the command runs the environment may not be touched any more.
  restoreOuterEnvironment();
  const command = new Command()
    .argument("<NAME>", "what is locked")
    .argument("<COMMAND...>", "what runs while the lock is held, behind --")
    .addOption(
      new Option("--mode <MODE>", "how it is locked").choices(["exclusive", "shared"] as const)
        .default("exclusive" as const),
    )
    .addOption(
      new Option("--wait <SECONDS>", "how long to wait while others hold it").argParser(readWait)
        .default(WAIT_DEFAULT_MS, `${WAIT_DEFAULT_MS / 1000}`),
    )
    .addOption(
      new Option("--ttl <SECONDS>", "lease, renewed at a third of it").argParser(readTtl)
        .default(TTL_DEFAULT_MS, `${TTL_DEFAULT_MS / 1000}`),
    )
    .addOption(
      new Option("--grace <SECONDS>", "from SIGTERM to SIGKILL when the lock is lost")
        .argParser(readGrace).default(GRACE_DEFAULT_MS, `${GRACE_DEFAULT_MS / 1000}`),
    )
    .option("--owner <OWNER>", "who locks (default: a new name for each run)")
    .option(JSON_FLAG, `${JSON_HELP}; on standard error, for standard output is the command's`)
    .addHelpText(
      "after",
      examples(
        "skein lock run nightly-report -- ./report.sh --all",
        "skein lock run deploy --wait 0 --ttl 10 -- sh -c 'echo $SKEIN_FENCING_TOKEN'",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (name, words, { owner = newOwner(), ...options }) => {
    const client = connect(command, owner);
    using signals = new Signals();
    const sentAtMs = performance.now();
    const grant = await acquire(client, name, options, signals);
    const lease = { ttlMs: options.ttl, stopMs: options.grace, sentAtMs };
    const keeper = new LeaseKeeper(client, grant, lease);
    try {
      throw new Exit(await runUnder(keeper, grant, words, options, signals));
    } finally {
      keeper.stop();
      await release(client, grant);
    }
  });
}

/**
 * From its first moment to its last `lock run` hears every signal, so that none ends it with the lock held: before
 * the command runs they interrupt the waiting, then they are the command's, and at the end they are late.
 */
class Signals implements Disposable {
  readonly #interrupted = new AbortController();
  readonly #listeners = FORWARDED.map((signal) => {
    const listener = () => this.#heard(signal);
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  #command: Deno.ChildProcess | null = null;

  /** Aborted, with an `Exit`, by a signal that came before the command ran. */
  get interrupted(): AbortSignal {
    return this.#interrupted.signal;
  }

  forwardTo(command: Deno.ChildProcess): void {
    this.#command = command;
  }

  [Symbol.dispose](): void {
    for (const { signal, listener } of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  #heard(signal: (typeof FORWARDED)[number]): void {
    if (this.#command === null) {
      this.#interrupted.abort(new Exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!));
    } else if (signal !== "SIGINT" || !Deno.stdin.isTerminal()) {
      tryKill(this.#command, signal);
    }
    // From a terminal the command, being of the same process group, has had its Ctrl-C already.
  }
}

/** Two runs on one machine must not be taken for one owner. */
function newOwner(): string {
  return `${Deno.hostname()}-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
}

/** @throws {Exit} where the lock is not granted, or a signal ends the waiting */
async function acquire(
  client: SkeinClient,
  name: string,
  { mode, wait, ttl, json = false }: RunOptions,
  { interrupted }: Signals,
): Promise<LockGrant> {
  try {
    const how = { mode, waitMs: wait, ttlMs: ttl, signal: interrupted };
    return await client.locks.acquire(name, how);
  } catch (error) {
    if (error instanceof Exit) throw error;
    throw new Exit(lockRunCode(reportFailure(error, json)));
  }
}

/**
 * Runs the command to its end, its own or the lock's.
 * @returns the exit code
 * @throws {Exit} where a signal came before it ran
 */
async function runUnder(
  keeper: LeaseKeeper,
  grant: LockGrant,
  [program = "", ...args]: readonly string[],
  { grace, json = false }: RunOptions,
  signals: Signals,
): Promise<number> {
  signals.interrupted.throwIfAborted();
  const child = spawn(program, args, grant);
  giveUpRights(["lock", "run"], "begun");
  if (typeof child === "number") return child;
  signals.forwardTo(child);
  const end = await Promise.race([child.status, keeper.lost]);
  const lost = typeof end === "string" ? end : null;
  if (lost !== null) {
    console.error(`skein: the lock ${grant.resource} is lost: ${lost}; ending ${program}`);
    await endChild(child, grace);
  }
  const code = typeof end === "string" ? lockRunCode(EXIT.lockLost) : exitCodeOfCommand(end);
  if (json) {
    const document = { success: lost === null, exit_code: code, lost };
    console.error(JSON.stringify({ ...document, fencing_token: grant.fencingToken }));
  }
  return code;
}

/** @returns the command as it runs, or the exit code that says why it does not */
function spawn(
  program: string,
  args: readonly string[],
  grant: LockGrant,
): Deno.ChildProcess | number {
  try {
    return new Deno.Command(program, {
      args: [...args],
      env: {
        SKEIN_FENCING_TOKEN: String(grant.fencingToken),
        SKEIN_RESOURCE: grant.resource,
        SKEIN_OWNER: grant.owner,
      },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    console.error(`skein: cannot run ${program}: ${(error as Error).message}`);
    return error instanceof Deno.errors.NotFound ? NOT_FOUND : NOT_EXECUTABLE;
  }
}

function exitCodeOfCommand({ code, signal }: Deno.CommandStatus): number {
  return signal === null ? code : SIGNAL_OFFSET + (SIGNAL_NUMBERS[signal] ?? 0);
}

async function endChild(child: Deno.ChildProcess, graceMs: number): Promise<void> {
  tryKill(child, "SIGTERM");
  const timer = setTimeout(() => tryKill(child, "SIGKILL"), graceMs);
  await child.status;
  clearTimeout(timer);
}

/** It may have ended in this very moment. */
function tryKill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function release(client: SkeinClient, grant: LockGrant): Promise<void> {
  try {
    await client.locks.release(grant, { signal: AbortSignal.timeout(RELEASE_TIMEOUT_MS) });
  } catch (error) {
    // Lost before: said already. Not reachable: the lease ends by itself.
    if (error instanceof SkeinError && error.code === "NOT_HELD") return;
    console.error(`skein: could not release ${grant.resource}: ${(error as Error).message}`);
  }
}
