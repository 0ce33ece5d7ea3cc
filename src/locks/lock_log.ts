/**
 * What operators read of locks: one warning for each deadlock and each lease that ended under somebody who
 * waited, at every peer that applies it. Scripts look for the words `DEADLOCK DETECTED`.
 */
import type { Logger } from "../logger.ts";
import type { DeadlockEffect, LeaseTimeoutEffect } from "./answers.ts";

export function logDeadlock(logger: Logger, { victim, cycle }: DeadlockEffect): void {
  const edges = cycle.map(({ owner, resource, holders }) =>
    `${owner} waits for ${resource} behind ${holders.join(", ")}`
  );
  const shown = edges.slice(0, EDGES_SHOWN_MAX).join("; ");
  const more = edges.length > EDGES_SHOWN_MAX ? `; and ${edges.length - EDGES_SHOWN_MAX} more` : "";
  logger.log(
    "warn",
    `DEADLOCK DETECTED: ${shown}${more}; refused ${victim.owner} on ${victim.resource}`,
    { owners: cycle.map(({ owner }) => owner), resources: cycle.map(({ resource }) => resource) },
  );
}

export function logLeaseTimeout(logger: Logger, effect: LeaseTimeoutEffect): void {
  const { resource, owner, token, waiters } = effect;
  const waiting = waiters.length === 0 ? "others were refused" : `waiting: ${waiters.join(", ")}`;
  logger.log("warn", `DEADLOCK DETECTED on ${resource}: lease timeout of ${owner}; ${waiting}`, {
    resource,
    owner,
    fencing_token: token,
    waiters,
    reason: "lease timeout",
  });
}

const EDGES_SHOWN_MAX = 16;
