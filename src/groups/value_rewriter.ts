/**
 * Gives sparse value files up: what is alive in them is read, appended anew, and the machine is told where it lies
 * now. The files then hold nothing that is alive, and go with the next snapshot. It works in the background, one
 * slice after the other with a pause between, however many groups of this peer have something to do.
 */
import { assert } from "../assert.ts";
import type { Clock, Timer } from "../clock.ts";
import { type Storage, StorageCorruptError, type ValueReference } from "../storage/storage.ts";
import type { Group } from "./group.ts";

/** One slice: 512 KiB every 20 ms are at most 25 MiB a second. A single larger value is a slice too. */
const SLICE_BYTES_MAX = 512 * 1024;
const SLICE_VALUES_MAX = 2_048;
const PAUSE_MS = 20;

export interface ValueRewriterEdges {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Whether a snapshot of this group is being taken: nothing moves meanwhile. */
  takesSnapshot(group: Group): boolean;
  /** Bytes became dead: a snapshot may be due. */
  done(group: Group): void;
  /** A file cannot be read, and stays. */
  damaged(group: Group, error: StorageCorruptError): void;
  failed(error: unknown): void;
}

export class ValueRewriter {
  readonly #edges: ValueRewriterEdges;
  readonly #waiting = new Set<Group>();
  #running = false;
  #stopped = false;
  #pause: Timer | null = null;

  constructor(edges: ValueRewriterEdges) {
    this.#edges = edges;
  }

  /** Cheap: something may have changed about the values of this group. */
  consider(group: Group): void {
    if (group.values.sparseFile === null || this.#stopped) return;
    this.#waiting.add(group);
    if (this.#running) return;
    this.#running = true;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
  }

  #next(): void {
    this.#pause = this.#edges.clock.timer(PAUSE_MS, () => {
      this.#pass().then(() => {
        this.#running = this.#waiting.size > 0;
        if (this.#running && !this.#stopped) this.#next();
      }, (error) => this.#edges.failed(error));
    });
  }

  /** One slice of the group that waits longest. */
  async #pass(): Promise<void> {
    const [group] = this.#waiting;
    if (group === undefined) return;
    this.#waiting.delete(group);
    await this.#edges.storage.valueRoom();
    if (group.ended || this.#stopped) return;
    const file = group.values.sparseFile;
    if (file === null) return;
    this.#waiting.add(group);
    if (!this.#mayMove(group)) return;
    try {
      await this.#slice(group, file);
    } catch (error) {
      if (!(error instanceof StorageCorruptError)) throw error;
      group.values.giveUp(file);
      this.#edges.damaged(group, error);
    }
  }

  #mayMove(group: Group): boolean {
    return !group.restoring && !this.#edges.takesSnapshot(group);
  }

  async #slice(group: Group, file: number): Promise<void> {
    const { values, machine } = group;
    const { generation } = values;
    const references = sliceOf(machine.valuesIn(file, SLICE_VALUES_MAX));
    assert(references.length > 0, `what is alive in value file ${file} is held by a machine`);
    const found = await values.read(references);
    if (group.ended || this.#stopped || !this.#mayMove(group)) return;
    if (values.generation !== generation) return;
    for (const [place, from] of references.entries()) {
      const bytes = found[place]!;
      // Nobody holds it any more, and its file has gone with a snapshot.
      if (bytes === null) continue;
      const to = values.append(bytes);
      values.discard(machine.moved(from, to) ? from : to);
    }
    this.#edges.done(group);
  }
}

function sliceOf(references: readonly ValueReference[]): readonly ValueReference[] {
  let bytes = 0;
  let count = 0;
  for (const { sizeBytes } of references) {
    bytes += sizeBytes;
    if (count > 0 && bytes > SLICE_BYTES_MAX) break;
    count++;
  }
  return references.slice(0, count);
}
