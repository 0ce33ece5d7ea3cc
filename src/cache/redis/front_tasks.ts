/**
 * Removals, and writes by the home itself, of keys in Redis, once nobody has a line of the key. What was handed over
 * meanwhile is written back before, so that what is asked for is compared with what is there. Whoever asked is answered
 * as soon as anything stands in the way; what became of a step that is in doubt is never assumed.
 */
import { SkeinError } from "../../errors.ts";
import type { WriteBackItem } from "../commands.ts";
import { nothingCameOfIt } from "../home_changes.ts";
import type { JobAnswer, KeyTask } from "../home_jobs.ts";
import { type Grant, sameVersion, type Version } from "../version.ts";
import type { StoreOutcome } from "./term_store.ts";

export interface FrontTasksEdges {
  /** Commits a write-back; `delayed` is told where that takes its time. */
  writeBack(item: WriteBackItem): void;
  whenIdle(key: string, call: () => void): void;
  /** Of what the key has. @throws {SkeinError} by rejection */
  version(key: string): Promise<Version | null>;
  /** @throws {SkeinError} by rejection */
  execute(task: KeyTask, version: Version): Promise<StoreOutcome>;
  answered(task: KeyTask, answer: JobAnswer | SkeinError): void;
  over(task: KeyTask): void;
}

export class FrontTasks {
  readonly #edges: FrontTasksEdges;
  /** Those that wait for a write-back. */
  readonly #waiting = new Map<string, KeyTask>();

  constructor(edges: FrontTasksEdges) {
    this.#edges = edges;
  }

  execute(task: KeyTask, grant: Grant): void {
    const { key, handedOver } = task;
    if (handedOver !== null) this.#edges.writeBack({ key, ...handedOver });
    this.#waiting.set(key, task);
    this.#edges.whenIdle(key, () => {
      // Answered already: nothing comes of it.
      if (!this.#waiting.delete(key)) return this.#edges.over(task);
      void this.#execute(task, grant);
    });
  }

  /** The key's write-backs cannot be done for now: who asked for something behind them is not kept waiting. */
  delayed(key: string, error: SkeinError): void {
    const task = this.#waiting.get(key);
    if (task === undefined) return;
    this.#waiting.delete(key);
    this.#edges.answered(task, nothingCameOfIt(error));
  }

  async #execute(task: KeyTask, grant: Grant): Promise<void> {
    let answer: JobAnswer | SkeinError;
    try {
      answer = await this.#answer(task, grant);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      answer = error;
    }
    this.#edges.answered(task, answer);
    this.#edges.over(task);
  }

  async #answer(task: KeyTask, grant: Grant): Promise<JobAnswer> {
    const { key, write } = task;
    if (write?.ifVersion !== undefined) {
      const present = await this.#edges.version(key);
      const isWanted = present === null || write.ifVersion === null
        ? present === write.ifVersion
        : sameVersion(present, write.ifVersion);
      if (!isWanted) return { ok: false, version: present };
    }
    task.isProposed = true;
    const version = { ...grant, write: write === null ? 0 : 1 };
    const { isWritten, existed } = await this.#edges.execute(task, version);
    if (!isWritten) throw new SkeinError("UNAVAILABLE", "Redis has a later write of the key");
    return write === null ? existed : { ok: true, version };
  }
}
