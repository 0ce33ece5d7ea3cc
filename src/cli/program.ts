/**
 * The command line: the table of commands, and the way from arguments to an exit code. Each command lives in a
 * file of its own that is loaded only when it is called, so that a peer starts without the clients' tables and
 * a client without the peer.
 */
import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { EXIT, EXIT_CODES_HELP } from "./exit_codes.ts";
import { Exit, reportFailure, UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";

/** What a command's file exports. */
export interface CommandModule {
  /** The command with its arguments, options, examples and action; named and described by the table. */
  define(): CommandUnknownOpts;
}

export interface CommandEntry {
  readonly words: readonly string[];
  readonly summary: string;
  load(): Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    words: ["run"],
    summary: "start one peer",
    load: () => import("./run.ts"),
  },
  {
    words: ["cluster"],
    summary: "start several peers on this machine, each a process of its own",
    load: () => import("./cluster.ts"),
  },
  {
    words: ["status"],
    summary: "is a peer healthy, who leads, what should be known",
    load: () => import("./status.ts"),
  },
  {
    words: ["members"],
    summary: "list the cluster's members",
    load: () => import("./members.ts"),
  },
  {
    words: ["members", "add"],
    summary: "meet a peer that no list names, and wait until it is a member",
    load: () => import("./members_add.ts"),
  },
  {
    words: ["members", "drain"],
    summary: "have all partitions leave a member, which serves meanwhile",
    load: () => import("./members_drain.ts"),
  },
  {
    words: ["members", "remove"],
    summary: "remove a member for good",
    load: () => import("./members_remove.ts"),
  },
  {
    words: ["ring"],
    summary: "where the hash ring wants the partitions, or where one key hashes to",
    load: () => import("./ring.ts"),
  },
  {
    words: ["lock", "acquire"],
    summary: "take a lock, or wait for it",
    load: () => import("./lock_acquire.ts"),
  },
  {
    words: ["lock", "release"],
    summary: "give a lock back",
    load: () => import("./lock_release.ts"),
  },
  {
    words: ["lock", "renew"],
    summary: "make a lease last longer",
    load: () => import("./lock_renew.ts"),
  },
  {
    words: ["lock", "status"],
    summary: "who holds one lock and who waits for it",
    load: () => import("./lock_status.ts"),
  },
  {
    words: ["lock", "ls"],
    summary: "list all locks",
    load: () => import("./lock_ls.ts"),
  },
  {
    words: ["lock", "graph"],
    summary: "who waits for whom",
    load: () => import("./lock_graph.ts"),
  },
  {
    words: ["lock", "run"],
    summary: "run a command while holding a lock",
    load: () => import("./lock_run.ts"),
  },
  {
    words: ["queue", "publish"],
    summary: "publish a message, or a line of standard input each",
    load: () => import("./queue_publish.ts"),
  },
  {
    words: ["queue", "consume"],
    summary: "take messages and print them",
    load: () => import("./queue_consume.ts"),
  },
  {
    words: ["queue", "ack"],
    summary: "done with messages: they are not delivered again",
    load: () => import("./queue_ack.ts"),
  },
  {
    words: ["queue", "nack"],
    summary: "hand messages back, to be delivered again",
    load: () => import("./queue_nack.ts"),
  },
  {
    words: ["queue", "extend"],
    summary: "take longer for messages than their visibility timeout",
    load: () => import("./queue_extend.ts"),
  },
  {
    words: ["queue", "worker"],
    summary: "run a command for each message",
    load: () => import("./queue_worker.ts"),
  },
  {
    words: ["queue", "stats"],
    summary: "what lies in a topic, and what happened in it",
    load: () => import("./queue_stats.ts"),
  },
  {
    words: ["queue", "topics"],
    summary: "list all topics",
    load: () => import("./queue_topics.ts"),
  },
  {
    words: ["queue", "dead"],
    summary: "list a topic's dead letters",
    load: () => import("./queue_dead.ts"),
  },
  {
    words: ["queue", "requeue"],
    summary: "put dead letters back",
    load: () => import("./queue_requeue.ts"),
  },
  {
    words: ["queue", "purge"],
    summary: "remove messages for good",
    load: () => import("./queue_purge.ts"),
  },
  {
    words: ["queue", "configure"],
    summary: "create a topic, or change its options",
    load: () => import("./queue_configure.ts"),
  },
  {
    words: ["queue", "pause"],
    summary: "deliver nothing of a topic for now",
    load: () => import("./queue_pause.ts"),
  },
  {
    words: ["queue", "resume"],
    summary: "deliver again",
    load: () => import("./queue_resume.ts"),
  },
  {
    words: ["cache", "get"],
    summary: "read a value",
    load: () => import("./cache_get.ts"),
  },
  {
    words: ["cache", "put"],
    summary: "write a value",
    load: () => import("./cache_put.ts"),
  },
  {
    words: ["cache", "delete"],
    summary: "remove a value",
    load: () => import("./cache_delete.ts"),
  },
  {
    words: ["cache", "invalidate"],
    summary: "have all peers forget their copies; the value stays",
    load: () => import("./cache_invalidate.ts"),
  },
  {
    words: ["cache", "state"],
    summary: "who holds a key's line",
    load: () => import("./cache_state.ts"),
  },
  {
    words: ["cache", "stats"],
    summary: "what a peer's cache holds, and what it did",
    load: () => import("./cache_stats.ts"),
  },
  {
    words: ["cache", "watch"],
    summary: "say whenever a key's version or its holders change",
    load: () => import("./cache_watch.ts"),
  },
  {
    words: ["events", "publish"],
    summary: "publish events, a line of a file or of standard input each",
    load: () => import("./events_publish.ts"),
  },
  {
    words: ["events", "get"],
    summary: "print a topic's events, or those of a part of it",
    load: () => import("./events_get.ts"),
  },
  {
    words: ["events", "tail"],
    summary: "print a topic's last events, and those that come",
    load: () => import("./events_tail.ts"),
  },
  {
    words: ["events", "topics"],
    summary: "list the topics of events",
    load: () => import("./events_topics.ts"),
  },
  {
    words: ["events", "stats"],
    summary: "how many events were received, stored, and dropped as duplicates",
    load: () => import("./events_stats.ts"),
  },
  {
    words: ["bench", "events"],
    summary: "publish events with duplicates through all peers, and check what was stored",
    load: () => import("./bench_events.ts"),
  },
  {
    words: ["log", "check"],
    summary: "verify a data directory and print what it holds",
    load: () => import("./log_check.ts"),
  },
  {
    words: ["log", "move"],
    summary: "move the state of a peer that is not running to Redis, or back",
    load: () => import("./log_move.ts"),
  },
  {
    words: ["dht"],
    summary: "run a DHT of one's own, in which peers find each other",
    load: () => import("./dht.ts"),
  },
  {
    words: ["keygen"],
    summary: "make a cluster key",
    load: () => import("./keygen.ts"),
  },
  {
    words: ["version"],
    summary: "print the version",
    load: () => import("./version.ts"),
  },
];

/** What stands above the commands of one first word. */
const GROUPS: Readonly<Record<string, string>> = {
  lock: "take, keep, give back and look at locks",
  queue: "publish messages, take them, work them off, and look after topics",
  cache: "read and write values that no peer has an old copy of",
  events: "publish events that are stored once, read them, follow them",
  bench: "try a running cluster out",
  log: "look at the embedded log of a peer that is not running",
};

/**
 * Runs one command line.
 * @param args what stands behind the program's name
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const asked = args[0] === "help" ? [...args.slice(1), "--help"] : args;
  try {
    const called = entryOf(asked);
    const words = called?.words ?? [];
    giveUpRights(words, "started");
    const program = await buildProgram(called);
    program.hook("preAction", () => giveUpRights(words, "called"));
    await program.parseAsync([...asked], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return reportFailure(withoutCommander(error), wantsJson(asked));
  }
}

/** The whole tree of commands; only the one that is called has its options. */
async function buildProgram(called: CommandEntry | undefined): Promise<CommandUnknownOpts> {
  const program: CommandUnknownOpts = new Command("skein")
    .description(
      "Consensus, locks, a work queue, a cache and an event log for a group of machines, in one program.",
    )
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText("after", `\n${EXIT_CODES_HELP}\n\nHelp of one command: skein COMMAND --help`);
  const groups = new Map<string, CommandUnknownOpts>();
  for (const entry of COMMANDS) {
    const [first = "", second] = entry.words;
    const command = entry === called ? (await entry.load()).define() : new Command();
    command.name(second ?? first).description(entry.summary);
    let parent = program;
    if (second !== undefined) {
      parent = groups.get(first) ?? new Command(first).description(GROUPS[first] ?? "");
      if (!groups.has(first)) program.addCommand(parent);
      parent.enablePositionalOptions().helpCommand(false);
    }
    groups.set(first, second === undefined ? command : parent);
    parent.addCommand(command);
  }
  throwInsteadOfExit(program);
  return program;
}

/** What Commander throws, in our own words: help was printed already, anything else is wrong usage. */
function withoutCommander(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return new Exit(EXIT.ok);
  if (error.code === "commander.help") return new Exit(EXIT.usage);
  return new UsageError(error.message.replace(/^error: /, ""));
}

function entryOf(args: readonly string[]): CommandEntry | undefined {
  const meant = COMMANDS.filter(({ words }) => words.every((word, at) => args[at] === word));
  return meant.find(({ words }) => words.length > 1) ?? meant[0];
}

function throwInsteadOfExit(command: CommandUnknownOpts): void {
  command.exitOverride().configureOutput({
    outputError: () => {},
    // Help has no colours; to find out Commander would look into the environment, which may be given up.
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const child of command.commands) throwInsteadOfExit(child);
}

/** Behind `--` stands somebody else's command line. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}
