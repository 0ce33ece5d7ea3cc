/** Mutants of value files: what is durable when, what goes and what stays, whose numbers they are. */
import { type Mutant, test } from "./mutant.ts";

const STORAGE = test("tests/storage");
const GROUPS = test("tests/groups");

export const VALUES_MUTANTS: readonly Mutant[] = [
  {
    name: "values not fsynced before a snapshot names them",
    file: "src/storage/log/snapshot_files.ts",
    search: `      if (values.length > 0) await files.sync();`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "received values not fsynced before they are named",
    file: "src/storage/log/incoming_files.ts",
    search: `      await this.#values.syncReceived(this.#valueFiles);`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "new value files' names not fsynced",
    file: "src/storage/log/group_value_files.ts",
    search: `    await this.#options.fileSystem.syncDirectory(this.#options.directory);`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "values that came along not verified",
    file: "src/storage/log/incoming_files.ts",
    search: `named.lengthBytes && file.checksum === named.checksum;`,
    replace: `named.lengthBytes;`,
    caughtBy: [STORAGE],
  },
  {
    name: "a file that no snapshot names is appended to",
    file: "src/storage/log/group_value_files.ts",
    search: `    if (this.#current !== null && !files.includes(this.#current.number)) this.seal();`,
    replace: ``,
    caughtBy: [STORAGE],
  },
  {
    name: "a reference takes files of newer states",
    file: "src/storage/log/group_value_files.ts",
    search: `      if (file.number > lastFile || needed.has(file.number)) continue;`,
    replace: `      if (needed.has(file.number) || lastFile < 0) continue;`,
    caughtBy: [STORAGE],
  },
  {
    name: "a transfer's files go with the next snapshot",
    file: "src/storage/kept_snapshots.ts",
    search: `      if (snapshot !== null && kept.read) {`,
    replace: `      if (snapshot !== null && kept.read && kept.serial < 0) {`,
    caughtBy: [STORAGE],
  },
  {
    name: "another replica's numbers of value files taken for one's own",
    file: "src/groups/group_values.ts",
    search: `    return file === reference.file ? reference : { ...reference, file };`,
    replace: `    return reference;`,
    caughtBy: [GROUPS],
  },
  {
    name: "dead values no reason for a snapshot",
    file: "src/groups/snapshots.ts",
    search: `    return values.deadBytes >= Math`,
    replace: `    return values.deadBytes < 0 && 0 < Math`,
    caughtBy: [GROUPS],
  },
  {
    name: "sparse files never rewritten",
    file: "src/groups/storage_work.ts",
    search: `    this.#rewriter.consider(group);`,
    replace: ``,
    caughtBy: [GROUPS],
  },
  {
    name: "values move while a snapshot is taken",
    file: "src/groups/value_rewriter.ts",
    search: `    return !group.restoring && !this.#edges.takesSnapshot(group);`,
    replace: `    return !group.restoring;`,
    caughtBy: [GROUPS],
  },
  {
    name: "a tombstone waits behind what a successor appends",
    file: "src/groups/storage_work.ts",
    search: `lowestReplica });
    this.flush();`,
    replace: `lowestReplica });`,
    caughtBy: [GROUPS],
  },
];
