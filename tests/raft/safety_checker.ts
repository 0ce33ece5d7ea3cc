/**
 * The safety properties of Raft (figure 3 of the paper), checked over all replicas after every step of a
 * random walk: election safety, log matching, leader completeness, state machine safety. And that reads
 * are linearizable: none is answered at an index that somebody had passed before it was asked for.
 */
import { strict as assert } from "node:assert";
import type { Entry } from "../../src/raft/entry.ts";
import type { Ready } from "../../src/raft/ready.ts";
import { type ReplicaHarness, textOf } from "./replica_harness.ts";

export class SafetyChecker {
  /** term → its only leader, with replica id. */
  readonly #leaders = new Map<number, string>();
  /** context of a read → the index that its answer must reach. */
  readonly #reads = new Map<number, number>();
  #committedIndex = 0;
  /** index → what is committed there, with the term in which some replica first knew. */
  readonly #committed = new Map<number, { readonly entry: Entry; readonly term: number }>();

  /** State machine safety: nobody ever applies another entry at this index. */
  observe(replica: ReplicaHarness, ready: Ready): void {
    for (const { context, index } of ready.reads) {
      assert.ok(index >= this.#reads.get(context)!, `read ${context} at ${index} is stale`);
    }
    for (const entry of ready.committed) {
      const known = this.#committed.get(entry.index);
      this.#committedIndex = Math.max(this.#committedIndex, entry.index);
      if (known === undefined) {
        this.#committed.set(entry.index, { entry, term: replica.raft.term });
        continue;
      }
      assert.equal(signature(entry), signature(known.entry), `two entries at ${entry.index}`);
    }
  }

  /** A read is asked for now: its answer must cover everything that anyone has applied by now. */
  readAsked(context: number): void {
    this.#reads.set(context, this.#committedIndex);
  }

  get committedCount(): number {
    return this.#committed.size;
  }

  /** @param replicas all that run */
  check(replicas: readonly ReplicaHarness[]): void {
    for (const replica of replicas) {
      replica.raft.checkInvariants();
      if (replica.raft.role === "leader") this.#checkLeader(replica);
    }
    for (const left of replicas) {
      for (const right of replicas) {
        if (left.self.peer < right.self.peer) this.#checkMatching(left, right);
      }
    }
  }

  #checkLeader({ self, raft, disk }: ReplicaHarness): void {
    const name = `${self.peer}#${self.replica}`;
    assert.equal(this.#leaders.get(raft.term) ?? name, name, `two leaders in term ${raft.term}`);
    this.#leaders.set(raft.term, name);
    // Leader completeness: it has everything that was committed in an earlier term. What is not on its
    // disk yet was appended in its own term, or is covered by its snapshot.
    const onDisk = new Map(disk.entries.map((entry) => [entry.index, entry]));
    for (const [index, { entry, term }] of this.#committed) {
      if (term >= raft.term || index <= (disk.snapshot?.index ?? 1)) continue;
      const own = onDisk.get(index);
      assert.ok(own !== undefined, `leader ${name} lacks committed entry ${index}`);
      assert.equal(signature(own), signature(entry), `leader ${name} differs at ${index}`);
    }
  }

  /** Log matching: where two logs have the same term at an index, they are the same up to there. */
  #checkMatching(left: ReplicaHarness, right: ReplicaHarness): void {
    const others = new Map(right.disk.entries.map((entry) => [entry.index, entry]));
    let matched = false;
    for (const entry of left.disk.entries.toReversed()) {
      const other = others.get(entry.index);
      if (other === undefined) continue;
      if (entry.term === other.term) matched = true;
      if (matched) {
        assert.equal(signature(entry), signature(other), `logs differ at ${entry.index}`);
      }
    }
  }
}

function signature(entry: Entry): string {
  return `${entry.term} ${entry.kind} ${entry.kind === "command" ? textOf(entry) : ""}`;
}
