/**
 * Large bytes beside a state machine: queue payloads and events neither sit in memory nor are rewritten by
 * every snapshot. A machine appends them while it applies the entry that brought them, and keeps the
 * reference. References are each replica's own: equal machines hold different ones, so they must never
 * reach an answer that is compared, a digest, an effect or a decision. Their number and sizes are alike.
 *
 * Over a group's value files: `group_values.ts`.
 */
import type { ValueReference } from "../storage/storage.ts";

export type { ValueReference };

/** For machines, in their constructor. All calls happen inside `apply`, `expire` and `restore`. */
export interface Values {
  /**
   * Takes bytes over, which the caller must not change later. They can be read at once at this replica, and are
   * durable before the entry that brought them may be compacted; what a crash took, replay appends again.
   * @returns a reference that is held until it is discarded
   */
  append(bytes: Uint8Array): ValueReference;
  /**
   * Nothing refers to these bytes any more: called once for each reference that is held. A file of which little is
   * alive is given up in the background: what lives in it is appended anew (`ValueHolder.moved`).
   */
  discard(reference: ValueReference): void;
  /**
   * A reference as it stands in a snapshot that is being restored, made good at this replica: the snapshot may
   * be another replica's, whose files came along under other numbers. It is held from now on. Everything that was
   * held before is forgotten when restoring begins, without `discard`.
   */
  restored(reference: ValueReference): ValueReference;
}

/** For services, which read what a machine refers to. */
export interface ValueReader {
  /**
   * Values that lie near each other come by one read: ask for many at once.
   * @returns each value in order; null where nothing refers to it any more: it was discarded, or moved, since the
   * reference was taken from the machine, which may be asked again
   * @throws {StorageCorruptError} by rejection, naming file and offset
   * @throws {StorageFailedError} by rejection
   */
  read(references: readonly ValueReference[]): Promise<readonly (Uint8Array | null)[]>;
}

/** What a machine that keeps references offers, so that files can be given up. */
export interface ValueHolder {
  /**
   * References into one file that are held, in no particular order.
   * @param max so many at most; must not cost much more than that, however many others are held
   * @returns none only where none is held
   */
  valuesIn(file: number, max: number): readonly ValueReference[];
  /**
   * The same bytes lie elsewhere now: `to` is held in the place of `from`. Nothing else changes, and nothing at all
   * where `from` is not held any more. Never called while a snapshot is being pulled.
   * @returns whether `from` was held
   */
  moved(from: ValueReference, to: ValueReference): boolean;
}
