/**
 * The exit codes of every command: scripts compare them, so a number never changes its meaning.
 * `skein lock run` hands back the code of the command that it ran; what goes wrong with the lock itself is
 * there 100 more than in this table, so that the two are not taken for each other.
 */
import type { ErrorCode } from "../errors.ts";

export const EXIT = {
  /** Done. For `run` and `cluster`: stopped cleanly because somebody asked. */
  ok: 0,
  /** The cluster says no: the lock is held, is not held, is not there, would deadlock; no value, or another version. */
  refused: 1,
  /** The command line or the configuration cannot be used. */
  usage: 2,
  /** No peer can be reached, there is no leader, or the answer did not come. Trying again may help. */
  unavailable: 3,
  /** The storage is damaged, or belongs to another identity or cluster. */
  corrupt: 4,
  /** An address or a data directory is in use by another process. */
  inUse: 5,
  /** The token is missing or wrong. */
  unauthorized: 6,
  /** `lock run`: the lock was lost while the command ran. */
  lockLost: 7,
  /** `queue worker`: it was to end by itself, and did; commands had failed, and their messages went back. */
  commandFailed: 8,
  /** A bug in this program; the message says where. */
  bug: 70,
} as const;

/** The same for people, below `skein --help`. */
export const EXIT_CODES_HELP = [
  "Exit codes:",
  `  ${EXIT.ok}   done; a peer: stopped because somebody asked`,
  `  ${EXIT.refused}   the cluster says no: a lock is held, not held, not there, a deadlock;`,
  "      a cached value is not there, or of another version",
  `  ${EXIT.usage}   the command line or the configuration cannot be used`,
  `  ${EXIT.unavailable}   no peer can be reached, no leader, or an outcome that is not known`,
  `  ${EXIT.corrupt}   the data directory is damaged, or belongs to another peer`,
  `  ${EXIT.inUse}   an address or the data directory is in use`,
  `  ${EXIT.unauthorized}   the token is missing or wrong`,
  `  ${EXIT.commandFailed}   queue worker: ended as it was told to, and commands had failed`,
  `  ${EXIT.bug}  a bug in skein`,
  "  lock run hands back the command's own code; what goes wrong with the lock is",
  "  there 100 more (101 refused, 103 not reached, 107 lost while the command ran)",
].join("\n");

const LOCK_RUN_OFFSET = 100;

/** The code with which `lock run` says what went wrong with the lock, and not with the command. */
export function lockRunCode(code: number): number {
  return code === EXIT.bug ? code : LOCK_RUN_OFFSET + code;
}

/** A process that ended by signal n counts as 128 + n, as shells have it. */
export const SIGNAL_OFFSET = 128;

const REFUSED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "NOT_FOUND",
  "LOCK_HELD",
  "NOT_HELD",
  "DEADLOCK",
  "LEASE_EXPIRED",
  "CONFLICT",
]);
const USAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BAD_REQUEST",
  "INVALID",
  "METHOD_NOT_ALLOWED",
  "PAYLOAD_TOO_LARGE",
  "REQUEST_ID_REUSED",
]);

/** The exit code for an error that the cluster answered with. */
export function exitCodeOf(code: ErrorCode): number {
  if (REFUSED.has(code)) return EXIT.refused;
  if (USAGE.has(code)) return EXIT.usage;
  if (code === "UNAUTHORIZED" || code === "FORBIDDEN") return EXIT.unauthorized;
  return code === "INTERNAL" ? EXIT.bug : EXIT.unavailable;
}
