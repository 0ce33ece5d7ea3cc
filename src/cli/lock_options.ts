/**
 * What the commands of locks share: who the owner is, and how a lock is told to a person.
 */
import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { LockGrant, LockView } from "../client/mod.ts";

/** Adds --owner. Where nobody says who it is, the same person on the same machine is the same owner. */
export function addOwnerOption(command: CommandUnknownOpts): void {
  command.addOption(
    new Option("--owner <OWNER>", "who locks").env("SKEIN_OWNER").default(
      defaultOwner(),
      "USER@HOST",
    ),
  );
}

function defaultOwner(): string {
  const user = Deno.env.get("USER") || Deno.env.get("LOGNAME") || "user";
  return `${user}@${Deno.hostname()}`;
}

export function describeGrant(done: string, grant: LockGrant): string {
  return `${done} ${grant.resource} as ${grant.owner}: fencing token ${grant.fencingToken}, ` +
    `until ${grant.expiresAt}`;
}

/** One row a holder and a waiter. */
export function lockRows(locks: readonly LockView[]): (string | number)[][] {
  return locks.flatMap(({ resource, holders, waiters }) => [
    ...holders.map((holder) => [
      resource,
      "holds",
      holder.owner,
      holder.mode,
      holder.fencingToken,
      holder.expiresAt,
    ]),
    ...waiters.map((waiter) => [resource, "waits", waiter.owner, waiter.mode, "", ""]),
  ]);
}

export const LOCK_HEADS = ["resource", "", "owner", "mode", "token", "until"];
