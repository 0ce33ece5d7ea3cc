/**
 * What one home does about what befalls its values from behind: that others changed them, so that every line of theirs
 * goes; and that what was written cannot be committed for now, which is told to whoever waits for it.
 */
import { SkeinError } from "../errors.ts";
import type { Job } from "./directory_entry.ts";
import type { HomeDirectory } from "./home_directory.ts";
import type { HomeLetters } from "./home_letters.ts";

export interface HomeChangesEdges {
  readonly directory: HomeDirectory;
  readonly letters: HomeLetters;
  /** A number of its own, for a job that nobody waits for. */
  nextNumber(): number;
  /** Tells the caller who waits for this job. @returns whether there is one */
  fail(request: number, error: SkeinError): boolean;
}

export class HomeChanges {
  readonly #edges: HomeChangesEdges;

  constructor(edges: HomeChangesEdges) {
    this.#edges = edges;
  }

  /** No line of the key is current: all go, before anybody is granted another. What is dirty is written back. */
  changed(key: string): void {
    const { directory, nextNumber } = this.#edges;
    const entry = directory.entry(key);
    if (entry === undefined) return;
    // One that is not done yet is as good: what is granted after it is read after it.
    const [next = null] = entry.queue;
    if (entry.job?.kind === "invalidate" || next?.kind === "invalidate") return;
    const job = { kind: "invalidate", request: nextNumber(), isFirst: true } as const;
    directory.step(key, { kind: "ask", job });
  }

  changedAll(): void {
    for (const key of this.#edges.directory.keys()) this.changed(key);
  }

  /** The key's write-backs wait: their writers, and whoever waits for the line, are told why. */
  delayed(key: string, error: SkeinError): void {
    const { directory, letters } = this.#edges;
    const entry = directory.entry(key);
    if (entry === undefined) return;
    const owners = new Set(entry.writes.map(({ peer }) => peer));
    for (const peer of owners) letters.send(peer, { kind: "delayed", ...letters.at(key), error });
    const why = nothingCameOfIt(error);
    // What the backing has of a removal under way, it answers itself.
    if (entry.job !== null && entry.job.kind !== "remove") this.#refuse(key, entry.job, why);
    for (const job of entry.queue) {
      if (this.#refuse(key, job, why)) {
        directory.step(key, { kind: "withdrawn", request: job.request });
      }
    }
  }

  /** @returns whether a caller waited for it, who waits no longer */
  #refuse(key: string, job: Job, error: SkeinError): boolean {
    if (!("peer" in job)) return this.#edges.fail(job.request, error);
    this.deny(job.peer, key, job.request, error);
    return false;
  }

  /** @param error null: the partition is full */
  deny(peer: string, key: string, request: number, error: SkeinError | null): void {
    const { letters } = this.#edges;
    letters.send(peer, { kind: "denied", ...letters.at(key), request, error });
  }
}

/** @param error of a write-back, which may have been done @returns the error of what waits for it, which was not */
export function nothingCameOfIt(error: SkeinError): SkeinError {
  return error.code === "OUTCOME_UNKNOWN" ? new SkeinError("UNAVAILABLE", error.message) : error;
}
