/**
 * What callers are told where a group can not do what was asked of it: each error in one place, so that one
 * cause has one code and one sentence wherever it is met.
 */
import { type ErrorCode, errorCodeOf, SkeinError } from "../errors.ts";
import type { RequestError } from "../net/transport.ts";
import type { Refusal } from "../raft/ready.ts";
import type { GroupId } from "../storage/storage.ts";

/** @returns the error that a core's refusal becomes for a caller */
export function refusedError(refusal: Refusal): SkeinError {
  switch (refusal.reason) {
    case "notLeader":
      return new SkeinError("NOT_LEADER", "this peer does not lead the group", {
        leader: refusal.leader,
      });
    case "busy":
      return busy();
    case "transferring":
      return new SkeinError("UNAVAILABLE", "leadership is being handed over");
    case "conflict":
      return new SkeinError("CONFLICT", "another configuration change came first", {
        configuration_index: refusal.configurationIndex,
      });
    case "invalid":
      return new SkeinError("BAD_REQUEST", refusal.message);
  }
}

/** The leader's log is full of uncommitted commands. */
export function busy(): SkeinError {
  return new SkeinError("TOO_MANY_REQUESTS", "too many commands wait to be committed");
}

/** The command may have been executed, or may yet be: the same request id finds out. */
export function outcomeUnknown(why: string): SkeinError {
  return new SkeinError("OUTCOME_UNKNOWN", `what became of the write is not known: ${why}`);
}

export function noLeader(group: GroupId): SkeinError {
  return new SkeinError("NO_LEADER", `group ${group} has no leader that can be reached`);
}

/**
 * What a peer refuses with that leads the group no more, or can do nothing for it at present: nothing came of
 * what it was asked, and another peer may be asked the same.
 */
export const NOTHING_CAME_OF_IT: ReadonlySet<ErrorCode> = new Set([
  "NOT_LEADER",
  "NO_LEADER",
  "SHUTTING_DOWN",
  "STORAGE_FAILED",
  "UNAVAILABLE",
]);

/** Of an error's details, between peers: asking again, here or elsewhere, changes nothing for now. */
const FOR_GOOD = "forGood";

/** @returns an error that whoever asked is told at once, although nothing came of what it asked */
export function forGood({ code, message, details }: SkeinError): SkeinError {
  return new SkeinError(code, message, { ...details, [FOR_GOOD]: true });
}

/** @returns the error without that mark; null where another attempt may come to something */
export function saidForGood({ code, message, details }: SkeinError): SkeinError | null {
  if (details[FOR_GOOD] !== true) return null;
  const { [FOR_GOOD]: _mark, ...others } = details;
  return new SkeinError(code, message, others);
}

export function unknownGroup(group: GroupId): SkeinError {
  return new SkeinError("NOT_FOUND", `no group ${group} at this peer`, { group });
}

/** Another peer's request does not have its form: it is of another version, or has a bug. */
export function malformed(): SkeinError {
  return new SkeinError("BAD_REQUEST", "the request of another peer does not have its form");
}

/** Another peer's answer does not have its form. */
export function unreadable(): SkeinError {
  return new SkeinError("INTERNAL", "the answer of another peer does not have its form");
}

/** @param error what another peer refused with; codes that only its version knows are INTERNAL here */
export function errorOfPeer({ code, message, details }: RequestError): SkeinError {
  return new SkeinError(errorCodeOf(code), message, details);
}
