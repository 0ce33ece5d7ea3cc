/**
 * The partition's replicated state behind a home: values are entries of its log, and nobody but homes writes them.
 */
import type { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { Backing, BackingEdges, OnceQuestion } from "./backing.ts";
import type { CacheCommand, WriteBackItem } from "./commands.ts";
import { contentOf } from "./home_content.ts";
import type { JobAnswer, KeyTask } from "./home_jobs.ts";
import { HomeRoom } from "./home_room.ts";
import { HomeTasks } from "./home_tasks.ts";
import type { Content } from "./line.ts";
import type { CacheAnswer } from "./machine.ts";
import type { Grant, Version } from "./version.ts";

export class ReplicatedBacking implements Backing {
  readonly isOwn = true;
  readonly #edges: BackingEdges;
  readonly #room: HomeRoom;
  readonly #tasks: HomeTasks;

  constructor(edges: BackingEdges) {
    const { term, replica, proposals, cache: { self } } = edges;
    const timeMs = () => edges.timeMs();
    this.#edges = edges;
    this.#room = new HomeRoom({ self, term, machine: replica.cache, proposals, timeMs });
    this.#tasks = new HomeTasks({
      term,
      proposals,
      replica,
      timeMs,
      done: (task, answer) => {
        edges.answered(task, answer);
        edges.over(task);
      },
    });
  }

  get floor(): Version | null {
    return this.#edges.replica.cache.floor;
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  settled(key: string): Version | null {
    return this.#edges.replica.cache.settled(key);
  }

  lacks(key: string): boolean {
    return this.#room.lacks(key);
  }

  prepare(): null {
    return null;
  }

  content(key: string): Content | Promise<Content | null> {
    return contentOf(this.#edges.replica, key, this.#edges.timeMs());
  }

  version(key: string): Version | null {
    return this.#edges.replica.cache.read(key, this.#edges.timeMs())?.version ?? null;
  }

  write(item: WriteBackItem): void {
    this.#edges.proposals.add(item);
  }

  execute(task: KeyTask, grant: Grant): void {
    this.#tasks.execute(task, grant);
  }

  async remembered(question: OnceQuestion): Promise<JobAnswer | null> {
    const { key, request } = question;
    if (request === null || !this.#edges.replica.remembers(request)) return null;
    if (question.kind === "remove") {
      const answer = await this.#again({ kind: "remove", ...this.#never(), key }, request);
      return answer?.kind === "removed" ? answer.existed : null;
    }
    const { value, ttlMs, ifVersion } = question;
    const command = { kind: "put", ...this.#never(), key, value, ttlMs, ifVersion } as const;
    const answer = await this.#again(command, request);
    return answer?.kind === "put" ? { ok: true, version: answer.version } : null;
  }

  /** Of a term that is none: what names it is refused, if it is executed anew. */
  #never() {
    const term = this.#edges.term + 1;
    return { term, grant: { term, counter: 1 } };
  }

  /** @returns null where it is remembered no longer */
  async #again(
    command: CacheCommand,
    request: RequestKey,
  ): Promise<Extract<CacheAnswer, { readonly kind: string }> | null> {
    const proposed = await this.#edges.proposals.untilKnown(command, request);
    if (proposed.kind === "over") throw this.#edges.notLed();
    if (proposed.kind === "answer") return "kind" in proposed.answer ? proposed.answer : null;
    if (proposed.error.code === "CONFLICT") return null;
    throw proposed.error satisfies SkeinError;
  }

  end(): void {}
}
