/**
 * The one place where an error becomes what a person reads and a script compares: a line on standard error, or
 * with --json the same JSON body as HTTP's on standard output, and an exit code.
 */
import { ConfigError } from "../config/mod.ts";
import { SkeinError } from "../errors.ts";
import {
  StorageCorruptError,
  StorageFailedError,
  StorageForeignError,
  StorageInUseError,
  StorageRolledBackError,
  StorageTakenError,
} from "../storage/storage.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { notAllowed } from "./not_allowed.ts";

/** Ends the command with this code and no further word: it has said what there was to say. */
export class Exit extends Error {
  override readonly name = "Exit";
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/** A command line that cannot be used. `message` says what was given and what is allowed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An address that another process holds. */
export class AddressInUseError extends Error {
  override readonly name = "AddressInUseError";
}

export interface Failure {
  /** For scripts: a code of `SkeinError`, or one of the command line's own. */
  readonly error: string;
  /** For people; may have several lines. */
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
}

/** What was acknowledged is with the other peers; what this one promised them cannot be known any more. */
const REJOIN = "a peer does not start with a damaged store, and nothing was changed; " +
  "with an empty data directory it joins anew, once the member that it was is removed";

/** What to say of an error, and the exit code for it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof SkeinError) {
    const { code, message, details } = error;
    return { error: code, message, details, exitCode: exitCodeOf(code) };
  }
  const message = error instanceof Error ? error.message : String(error);
  const plain = (name: string, exitCode: number, details = {}): Failure => {
    return { error: name, message, details, exitCode };
  };
  if (error instanceof ConfigError) {
    return plain("BAD_CONFIGURATION", EXIT.usage, { problems: error.problems });
  }
  if (error instanceof UsageError) return plain("USAGE", EXIT.usage);
  if (error instanceof AddressInUseError) return plain("ADDRESS_IN_USE", EXIT.inUse);
  const refusal = notAllowed(error);
  if (refusal !== null) return { ...plain("NOT_ALLOWED", EXIT.usage), message: refusal };
  if (error instanceof StorageInUseError) return plain("STORAGE_IN_USE", EXIT.inUse);
  if (error instanceof StorageRolledBackError) return plain("STORAGE_ROLLED_BACK", EXIT.corrupt);
  if (error instanceof StorageForeignError) return plain("STORAGE_FOREIGN", EXIT.corrupt);
  if (error instanceof StorageTakenError) return plain("STORAGE_IN_USE", EXIT.inUse);
  if (error instanceof StorageFailedError) return plain("STORAGE_FAILED", EXIT.unavailable);
  if (error instanceof StorageCorruptError) {
    const { file, offsetBytes } = error;
    const details = { file, offset: offsetBytes };
    return { ...plain("STORAGE_CORRUPT", EXIT.corrupt, details), message: `${message}\n${REJOIN}` };
  }
  const trace = error instanceof Error ? error.stack ?? error.message : message;
  return { error: "INTERNAL", message: trace, details: {}, exitCode: EXIT.bug };
}

/**
 * Says what went wrong.
 * @param json whether a script is listening
 * @returns the exit code
 */
export function reportFailure(error: unknown, json: boolean): number {
  if (error instanceof Exit) return error.code;
  const { error: code, message, details, exitCode } = failureOf(error);
  if (json) console.log(JSON.stringify({ ...details, success: false, error: code, message }));
  else for (const line of message.split("\n")) console.error(`skein: ${line}`);
  return exitCode;
}
