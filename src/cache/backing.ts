/**
 * What lies behind a home: where the committed values of its partition are while it is the home in one term. A home
 * knows no more of it than this. `replicated_backing.ts`: the partition's replicated state; `redis/`: keys of a Redis
 * that others may write as well.
 */
import type { SkeinError } from "../errors.ts";
import type { CacheEdges, CacheReplica } from "./cache_edges.ts";
import type { WriteBackItem } from "./commands.ts";
import type { JobAnswer, KeyTask } from "./home_jobs.ts";
import type { HomeProposals } from "./home_proposals.ts";
import type { HomeQuestion } from "./home_question_codec.ts";
import type { Content } from "./line.ts";
import type { Grant, Version } from "./version.ts";

/** What its callers may ask to be done once. */
export type OnceQuestion = Extract<HomeQuestion, { readonly kind: "remove" | "write" }>;

export interface Backing {
  /** As `HomeView.floor`. */
  readonly floor: Version | null;
  /** Nobody should come to write a key unasked. */
  readonly isFull: boolean;
  /** Nothing but homes changes it: what lines of older homes hold is what it has. */
  readonly isOwn: boolean;
  /** As `HomeView.settled`. */
  settled(key: string): Version | null;
  /** Whether there is no room for what is to be written to this key. */
  lacks(key: string): boolean;
  /**
   * Makes ready what the key has, so that `content` has it at once.
   * @returns null where it is
   * @throws {SkeinError} by rejection: why nobody can be granted it now
   */
  prepare(key: string): Promise<void> | null;
  /**
   * What is granted: the committed value.
   * @returns null where it changes too fast to be read
   * @throws {SkeinError | StorageFailedError | StorageCorruptError} by rejection
   */
  content(key: string): Content | Promise<Content | null>;
  /** Of what the key has; null: nothing. @throws {SkeinError} by rejection */
  version(key: string): Version | null | Promise<Version | null>;
  /** Commits a write-back; then `committed`. It is tried until it is done, or the home is over. */
  write(item: WriteBackItem): void;
  /** Carries out a removal or a write of the home's own, under this grant; then `answered` and `over`. */
  execute(task: KeyTask, grant: Grant): void;
  /**
   * What a request under a caller's own id was answered that was executed before.
   * @returns null where none was, or it is remembered no longer
   * @throws {SkeinError} by rejection: REQUEST_ID_REUSED, NOT_LEADER, UNAVAILABLE
   */
  remembered(question: OnceQuestion): Promise<JobAnswer | null>;
  /** The home is over. */
  end(): void;
}

/** What the home is told, and what it lends. */
export interface BackingEdges {
  readonly cache: CacheEdges;
  readonly group: number;
  readonly term: number;
  readonly replica: CacheReplica;
  readonly proposals: HomeProposals;
  /** Group time. */
  timeMs(): number;
  mint(): Grant;
  /** Whether the home lease lasts. */
  mayGrant(): boolean;
  notLed(): SkeinError;
  /** These write-backs are done, or something later of their keys. */
  committed(items: readonly Pick<WriteBackItem, "key" | "version">[]): void;
  answered(task: KeyTask, answer: JobAnswer | SkeinError): void;
  /** Nothing of the task is under way any more: the entry is to go on. */
  over(task: KeyTask): void;
  /** Somebody who is no home has changed the key, or may have: no line of it is current. */
  changed(key: string): void;
  /** As `changed`, of all keys. */
  changedAll(): void;
  /** The write-backs of this key cannot be committed for now. */
  delayed(key: string, error: SkeinError): void;
}

export type MakeBacking = (edges: BackingEdges) => Backing;
