/** Mutants of the embedded log: what counts as durable, what a torn tail is, what truncates. */
import { type Mutant, test } from "./mutant.ts";

const STORAGE = test("tests/storage");

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: "no fsync",
    file: "src/storage/log/log_writer.ts",
    search: `    await file.sync();`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "directory not fsynced for a new segment",
    file: "src/storage/log/log_writer.ts",
    search: `if (batch.beginning !== null) await fileSystem.syncDirectory(directory);`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "a failed fsync is tried again",
    file: "src/storage/log/log_writer.ts",
    search: `        this.fail("cannot write to the log", error);`,
    replace:
      `        await this.#write(batch).catch((again) => this.fail("cannot write", again ?? error));`,
    caughtBy: [STORAGE],
  },
  {
    name: "attested offset ignored",
    file: "src/storage/log/newest_segment.ts",
    search: `const attested = Math.max(end.attestedOffset, header.attestedBytes, behind);`,
    replace: `const attested = Math.min(end.endOffset, Math.max(end.attestedOffset, behind));`,
    caughtBy: [STORAGE],
  },
  {
    name: "no search for attestations behind a bad record",
    file: "src/storage/log/newest_segment.ts",
    search: `const behind = end.clean ? 0 : attestedBehind(bytes, end.endOffset, key.seal);`,
    replace: `const behind = end.clean ? 0 : 0 * attestedBehind(bytes, end.endOffset, key.seal);`,
    caughtBy: [STORAGE],
  },
  {
    name: "torn tail not cut",
    file: "src/storage/log/newest_segment.ts",
    search: `    tornTail: end.clean ? null : { file, offsetBytes: end.endOffset, sizeBytes },`,
    replace:
      `    tornTail: end.clean || sizeBytes >= 0 ? null : { file, offsetBytes: 0, sizeBytes },`,
    caughtBy: [STORAGE],
  },
  {
    name: "a damaged sealed segment is taken for torn",
    file: "src/storage/log/recovery.ts",
    search: `    if (end.endOffset !== lengthBytes) {`,
    replace: `    if (end.endOffset > lengthBytes) {`,
    caughtBy: [STORAGE],
  },
  {
    name: "truncation record ignored on replay",
    file: "src/storage/log/log_state.ts",
    search: `        group.index.truncate(record.fromIndex);`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "entries that compaction wrote again behind newer ones are missed",
    file: "src/storage/log/log_state.ts",
    search: `assert(firstIndex > last, `,
    replace: `assert(group.index.rows === 0 || firstIndex === last + 1, `,
    caughtBy: [test("tests/storage/log_slow_group_test.ts")],
  },
  {
    name: "a rewritten tombstone removes its group again",
    file: "src/storage/log/log_state.ts",
    search: `if (!record.rewritten) this.#remove(record.group);`,
    replace: `this.#remove(record.group);`,
    caughtBy: [STORAGE],
  },
  {
    name: "hard states lost by compaction",
    file: "src/storage/log/compactor.ts",
    search:
      `      writer.addState({ kind: "hardState", group: id, replica, hardState, rewritten: true });`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "segment deleted before its rewriting is durable",
    file: "src/storage/log/compactor.ts",
    search: `    writer.addState({ kind: "oldestSegment", segment: segment + 1 });
    await writer.commit();`,
    replace: `    writer.addState({ kind: "oldestSegment", segment: segment + 1 });
    void writer.commit();`,
    caughtBy: [STORAGE],
  },
  {
    name: "a missing segment is passed over",
    file: "src/storage/log/recovery.ts",
    search: `      if (!numbers.includes(number)) {
        throw`,
    replace: `      if (!numbers.includes(number)) {
        if (number >= 0) break;
        throw`,
    caughtBy: [STORAGE],
  },
  {
    name: "snapshots not verified at opening",
    file: "src/storage/log/opening.ts",
    search: `    await verifySnapshot(fileSystem, directory, id, snapshot);`,
    replace: `    void verifySnapshot;`,
    caughtBy: [STORAGE],
  },
];
