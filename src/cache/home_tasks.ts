/**
 * Removals, and writes by the home itself, once nobody has a line of the key: what is asked for is compared with what is
 * there, and logged under a grant of its own. A dirty line that was handed over meanwhile is not logged unless nothing
 * comes of the task: it is what the task comes after.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";
import type { CacheReplica } from "./cache_edges.ts";
import type { CacheCommand } from "./commands.ts";
import type { JobAnswer, KeyTask } from "./home_jobs.ts";
import type { HomeProposals, Proposed } from "./home_proposals.ts";
import type { Written } from "./line.ts";
import { compareVersions, type Grant, isSettled, type Version } from "./version.ts";

export interface HomeTasksEdges {
  readonly term: number;
  readonly proposals: HomeProposals;
  readonly replica: CacheReplica;
  /** Group time. */
  timeMs(): number;
  /** The entry is to go on. */
  done(task: KeyTask, answer: JobAnswer | SkeinError): void;
}

export class HomeTasks {
  readonly #edges: HomeTasksEdges;

  constructor(edges: HomeTasksEdges) {
    this.#edges = edges;
  }

  /** Nobody has a line of the task's key, and nothing else is granted before it is done. */
  execute(task: KeyTask, grant: Grant): void {
    this.#edges.proposals.whenIdle(task.key, () => void this.#execute(task, grant));
  }

  async #execute(task: KeyTask, grant: Grant): Promise<void> {
    const { cache } = this.#edges.replica;
    const { key, write, handedOver } = task;
    const timeMs = this.#edges.timeMs();
    const isNews = handedOver !== null && !isSettled(handedOver.version, cache.settled(key));
    const dirty = isNews ? handedOver : null;
    const present = dirty === null
      ? cache.read(key, timeMs)?.version ?? null
      : isOver(dirty, timeMs)
      ? null
      : dirty.version;
    if (write?.ifVersion !== undefined && !sameVersion(present, write.ifVersion)) {
      return this.#abandon(task, dirty, { ok: false, version: present });
    }
    task.isProposed = true;
    const version = { ...grant, write: write === null ? 0 : 1 };
    const proposed = await this.#edges.proposals.untilKnown(
      this.#command(task, grant),
      task.request,
    );
    if (proposed.kind === "over") return;
    if (proposed.kind === "answer" || this.#isThere(key, version)) {
      return this.#edges.done(task, answerOf(proposed, version, present !== null));
    }
    // An entry of another term: this home is none any more, and is told so.
    if (proposed.error.code !== "CONFLICT") this.#abandon(task, dirty, proposed.error);
  }

  #command({ key, write }: KeyTask, grant: Grant): CacheCommand {
    const { term } = this.#edges;
    if (write === null) return { kind: "remove", term, key, grant };
    const { value, ttlMs, ifVersion } = write;
    return { kind: "put", term, key, grant, value, ttlMs, ifVersion };
  }

  /** A former attempt, whose outcome was not known, was executed. */
  #isThere(key: string, version: Version): boolean {
    return sameVersion(this.#edges.replica.cache.settled(key), version);
  }

  /** Nothing comes of the task: what was handed over to it is written back after all. */
  #abandon(task: KeyTask, dirty: Written | null, answer: JobAnswer | SkeinError): void {
    const { proposals } = this.#edges;
    if (dirty !== null) proposals.add({ key: task.key, ...dirty });
    proposals.whenIdle(task.key, () => this.#edges.done(task, answer));
  }
}

function answerOf(proposed: Proposed, version: Version, existed: boolean): JobAnswer {
  if (proposed.kind !== "answer") return version.write === 0 ? existed : { ok: true, version };
  const { answer } = proposed;
  assert("kind" in answer, "what the machine refuses is an error");
  if (answer.kind === "put") return { ok: true, version: answer.version };
  assert(answer.kind === "removed", `a removal is not answered with ${answer.kind}`);
  return existed || answer.existed;
}

function sameVersion(left: Version | null, right: Version | null): boolean {
  if (left === null || right === null) return left === right;
  return compareVersions(left, right) === 0;
}

function isOver({ expiresMs }: Written, timeMs: number): boolean {
  return expiresMs !== null && expiresMs <= timeMs;
}
