/**
 * What the process is allowed, in one table: each right with its scope, the reason, which commands need it, and until
 * when. The flags of launchers and of the compiled executable, the README's table and `giveUpRights` come from it. By
 * hand permission flags are written in the tasks of deno.json alone, which a test compares; none allows everything. Pure.
 */
import { environmentNames } from "../config/describe.ts";
import { SETTING_ROWS } from "../config/settings.ts";

export type RightName = "net" | "read" | "write" | "env" | "sys" | "ffi" | "run";

/**
 * The moment from which a command needs a right no more. `started`: from its start, for it never does. `called`: its
 * code is loaded and its command line is read. `begun`: its settings are read, native code is loaded, and what it
 * starts is started. `ended`: not before its end.
 */
export type Moment = "started" | "called" | "begun" | "ended";

export interface Right {
  readonly name: RightName;
  /** What a launcher narrows it to, for people. */
  readonly scope: string;
  readonly reason: string;
}

/** What a command needs, each right until that moment. */
export type CommandRights = Readonly<Partial<Record<RightName, Moment>>>;

/**
 * What Deno guards of the system: the default name of a peer or an owner, the addresses that a swarm tells others of,
 * room on the disk, who may write where.
 */
export const SYSTEM_CALLS = ["hostname", "networkInterfaces", "statfs", "uid"] as const;

/** Where sodium-native looks to learn which C library it is on. */
export const NATIVE_CODE_READS: readonly string[] = ["/etc/alpine-release"];

export const RIGHTS: readonly Right[] = [
  {
    name: "net",
    scope: "everywhere: peers and clients have any address",
    reason: "listen for peers and clients, dial peers, ask a cluster",
  },
  {
    name: "read",
    scope: "the program, and what the command line names: data, configuration, keys, certificates",
    reason: "load the program, its settings, and what it stored",
  },
  {
    name: "write",
    scope: "the data directory, and the file of --log-file",
    reason: "keep the log, snapshots and values; say what happens",
  },
  {
    name: "env",
    scope: "the names of the settings; every other variable looks unset",
    reason: "read settings from the environment",
  },
  {
    name: "sys",
    scope: SYSTEM_CALLS.join(", "),
    reason:
      "name a peer or an owner after its host, tell a swarm this machine's addresses, see whether the disk has room and may be written to",
  },
  {
    name: "ffi",
    scope: "the program's own folder",
    reason: "load libsodium (sodium-native), which peers encrypt and sign with",
  },
  {
    name: "run",
    scope: "any program",
    reason: "start the peers of a cluster on this machine, the command under a lock, or a worker's",
  },
];

const CLIENT: CommandRights = { net: "ended", env: "called" };
/** The owner of a lock is named after user and host. */
const OWNER: CommandRights = { ...CLIENT, sys: "called" };

/** By the words of the command. */
export const COMMAND_RIGHTS: Readonly<Record<string, CommandRights>> = {
  "run": {
    net: "ended",
    read: "ended",
    write: "ended",
    env: "begun",
    sys: "ended",
    ffi: "begun",
  },
  "cluster": {
    net: "ended",
    read: "begun",
    write: "begun",
    env: "begun",
    sys: "begun",
    run: "begun",
  },
  // Its --check finds the peer by the settings of this environment.
  "status": { net: "ended", read: "begun", env: "begun" },
  "members": CLIENT,
  "members add": CLIENT,
  "members drain": CLIENT,
  "members remove": CLIENT,
  "ring": CLIENT,
  "lock acquire": OWNER,
  "lock release": OWNER,
  "lock renew": OWNER,
  "lock status": CLIENT,
  "lock ls": CLIENT,
  "lock graph": CLIENT,
  "lock run": { ...CLIENT, sys: "begun", run: "begun" },
  "queue publish": CLIENT,
  "queue consume": CLIENT,
  "queue ack": CLIENT,
  "queue nack": CLIENT,
  "queue extend": CLIENT,
  // It starts a command for each message.
  "queue worker": { ...CLIENT, sys: "begun", run: "ended" },
  "queue stats": CLIENT,
  "queue topics": CLIENT,
  "queue dead": CLIENT,
  "queue requeue": CLIENT,
  "queue purge": CLIENT,
  "queue configure": CLIENT,
  "queue pause": CLIENT,
  "queue resume": CLIENT,
  "cache get": CLIENT,
  "cache put": CLIENT,
  "cache delete": CLIENT,
  "cache invalidate": CLIENT,
  "cache state": CLIENT,
  "cache stats": CLIENT,
  "cache watch": CLIENT,
  "events publish": { ...CLIENT, read: "begun" },
  "events get": CLIENT,
  "events tail": CLIENT,
  "events topics": CLIENT,
  "events stats": CLIENT,
  "bench events": CLIENT,
  "log check": { read: "ended", write: "ended" },
  // Its keys are named after the peer's settings.
  "log move": { net: "ended", read: "ended", write: "ended", env: "begun" },
  "dht": { net: "ended", read: "begun", sys: "ended", ffi: "begun" },
  "keygen": {},
  "version": {},
};

/** They start what their user names, which has a right to the environment that it would have without them. */
export const COMMANDS_THAT_START_OTHERS: readonly string[] = ["lock run", "queue worker"];

/** What the clients' commands look for in the environment. */
const CLIENT_ENVIRONMENT = ["SKEIN_URL", "SKEIN_TOKEN", "SKEIN_OWNER", "USER", "LOGNAME"];
/** How a launcher says by what the program is started again. */
export const EXECUTABLE_ENVIRONMENT = "SKEIN_EXECUTABLE";

/**
 * Where it is set, Deno listens there, in place of the address that it is told or as well. A peer takes it away, which
 * only who may read a variable can do.
 */
export const SERVE_ADDRESS_ENVIRONMENT = "DENO_SERVE_ADDRESS";

/** Every variable that the program reads, or takes away. */
export const ENVIRONMENT_NAMES: readonly string[] = [
  ...SETTING_ROWS.flatMap(([, row]) => environmentNames(row)),
  ...CLIENT_ENVIRONMENT,
  EXECUTABLE_ENVIRONMENT,
  SERVE_ADDRESS_ENVIRONMENT,
];

/**
 * The flags of the rights that no path narrows, which are all but `read`, `write` and `ffi`.
 * @param needed what a command needs
 */
export function fixedFlags(needed: readonly RightName[]): string[] {
  const flags: Readonly<Partial<Record<RightName, string>>> = {
    net: "--allow-net",
    env: `--allow-env=${ENVIRONMENT_NAMES.join(",")}`,
    sys: `--allow-sys=${SYSTEM_CALLS.join(",")}`,
    run: "--allow-run",
  };
  return [
    // Without it whoever sits at a terminal is asked to hand back what was given up.
    "--no-prompt",
    // Libraries look for variables of their own: those look unset, where they else would throw.
    "--ignore-env",
    // Deno trusts some hosts to load code from unless told not to.
    "--deny-import",
    ...needed.flatMap((name) => flags[name] ?? []),
  ];
}

/** For whoever cannot know the command line beforehand: every right that some command needs, on any path. */
export const UNBOUNDED_FLAGS: readonly string[] = [
  ...fixedFlags(RIGHTS.map(({ name }) => name)),
  "--allow-read",
  "--allow-write",
  "--allow-ffi",
];

/** @param words the command's; an unknown one needs nothing but to be told so */
export function rightsOf(words: readonly string[]): CommandRights {
  // Its own code is part of the program, and loaded when it is called.
  return { read: "called", ...COMMAND_RIGHTS[words.join(" ")] };
}

/** The names of the rights, in the order of the table. */
export function namesOf(rights: CommandRights): RightName[] {
  return RIGHTS.map(({ name }) => name).filter((name) => rights[name] !== undefined);
}
