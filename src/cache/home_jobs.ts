/**
 * What callers asked of one home: removals, invalidations, and writes under a caller's own id, each until it is done.
 * A write through the home is a removal that leaves a value: nobody has a line any more, and its version is above all
 * that was.
 */
import { SkeinError } from "../errors.ts";
import { digestOf } from "../groups/digest.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { HomeWriteAnswer, WriteQuestion } from "./home_question_codec.ts";
import type { Written } from "./line.ts";
import { compareVersions, versionText } from "./version.ts";

/** `true`: an invalidation is done, or a removal found a value. */
export type JobAnswer = boolean | HomeWriteAnswer;

export interface KeyTask {
  readonly number: number;
  readonly key: string;
  readonly kind: "remove" | "invalidate";
  /** What is to be there afterwards; null: nothing. */
  readonly write: WriteQuestion | null;
  readonly request: RequestKey | null;
  /** A dirty line was handed over, and this job comes after it: nothing was logged. */
  handedOver: Written | null;
  /** It may be in the log. */
  isProposed: boolean;
  readonly resolve: (answer: JobAnswer) => void;
  readonly reject: (error: SkeinError) => void;
}

/** What a caller wants to be done. */
export type Asked = Pick<KeyTask, "key" | "kind" | "write" | "request">;

export class HomeJobs {
  readonly #tasks = new Map<number, KeyTask>();
  /** By the caller's id: the same request again, while it is under way. */
  readonly #byRequest = new Map<string, Promise<JobAnswer>>();
  #number = 0;

  get size(): number {
    return this.#tasks.size;
  }

  /** A number of its own, for jobs that nobody waits for. */
  nextNumber(): number {
    return ++this.#number;
  }

  task(number: number): KeyTask | undefined {
    return this.#tasks.get(number);
  }

  /** What the same request under a caller's own id comes to; null: it is not under way. */
  underWay(asked: Asked): Promise<JobAnswer> | null {
    const name = nameOf(asked);
    return name === null ? null : this.#byRequest.get(name) ?? null;
  }

  /**
   * @param begin called with the task, unless the same request is under way already
   * @throws {SkeinError} by rejection: TOO_MANY_REQUESTS, and what the task is rejected with
   */
  open(
    asked: Asked,
    begin: (task: KeyTask) => void,
  ): Promise<JobAnswer> {
    const underWay = this.underWay(asked);
    if (underWay !== null) return underWay;
    if (this.#tasks.size >= LIMITS.cacheHomeJobsMax) {
      const error = new SkeinError("TOO_MANY_REQUESTS", "too many requests wait at this home");
      return Promise.reject(error);
    }
    const number = this.nextNumber();
    const answer = new Promise<JobAnswer>((resolve, reject) => {
      const task = { ...asked, number, handedOver: null, isProposed: false, resolve, reject };
      this.#tasks.set(number, task);
      begin(task);
    });
    const name = nameOf(asked);
    if (name === null) return answer;
    this.#byRequest.set(name, answer);
    const forget = () => void this.#byRequest.delete(name);
    answer.then(forget, forget);
    return answer;
  }

  close(task: KeyTask): void {
    this.#tasks.delete(task.number);
  }

  /** @returns whether anybody waits for it, who is told so */
  fail(number: number, error: SkeinError): boolean {
    const task = this.#tasks.get(number);
    if (task === undefined) return false;
    this.close(task);
    task.reject(error);
    return true;
  }

  /** The home is none any more. @param leader who may be asked again */
  end(leader: string | null): void {
    for (const task of this.#tasks.values()) task.reject(endedError(task, leader));
    this.#tasks.clear();
  }
}

/** @returns null where the caller gave it no id */
function nameOf(asked: Asked): string | null {
  const { request } = asked;
  return request === null ? null : `${nameOfRequest(request)} ${digestOfTask(asked)}`;
}

/** Of one request, however often it is sent: what is the lowest open one of its session changes. */
export function nameOfRequest(request: RequestKey): string {
  const parts = request.kind === "caller"
    ? [request.principal, request.id]
    : [request.session, request.bootId, request.sequence];
  return JSON.stringify(parts);
}

/** What makes a request the same again. */
export function digestOfTask(
  { key, kind, write }: Pick<KeyTask, "key" | "kind" | "write">,
): number {
  if (write === null) return digestOf([kind, key]);
  const { value, ttlMs, ifVersion } = write;
  const version = ifVersion === undefined || ifVersion === null ? null : versionText(ifVersion);
  return digestOf([kind, key, value, ttlMs, ifVersion === undefined, version]);
}

/** What is in the log may be executed yet, by whoever leads next. */
function endedError({ isProposed }: KeyTask, leader: string | null): SkeinError {
  if (isProposed) {
    return new SkeinError("OUTCOME_UNKNOWN", "the key's home changed while it was asked");
  }
  return new SkeinError("NOT_LEADER", "the key's home is another peer now", { leader });
}

/** Keeps the later of what was handed over. */
export function handOver(task: KeyTask, dirty: Written): void {
  const { handedOver } = task;
  const isLater = handedOver === null || compareVersions(dirty.version, handedOver.version) > 0;
  if (isLater) task.handedOver = dirty;
}
