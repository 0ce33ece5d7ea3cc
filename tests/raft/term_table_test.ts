/** The table of terms against a dumb twin: a list of every entry's term. */
import { strict as assert } from "node:assert";
import { TermTable } from "../../src/raft/term_table.ts";
import { Random } from "../../src/random.ts";

class Twin {
  base = 1;
  /** By index, from the base on. */
  terms = new Map([[1, 1]]);
  last = 1;

  lastAtMost(index: number, term: number): number {
    let at = Math.min(index, this.last);
    while (at > this.base && this.terms.get(at)! > term) at--;
    return Math.max(at, this.base);
  }
}

Deno.test("the table knows what a list of all terms knows", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const table = new TermTable(1, 1, [], 1);
    const twin = new Twin();
    for (let step = 0; step < 60; step++) {
      const dice = random.integer(0, 9);
      if (dice < 7) {
        const term = table.lastTerm + random.integer(0, 2);
        table.push(term);
        twin.terms.set(++twin.last, term);
      } else if (dice < 9 && twin.last > twin.base) {
        const from = random.integer(twin.base + 1, twin.last);
        table.truncateFrom(from);
        twin.last = from - 1;
      } else {
        twin.base = random.integer(twin.base, twin.last);
        table.advanceBase(twin.base);
      }
      table.checkInvariants();
      assert.equal(table.lastIndex, twin.last);
      assert.equal(table.lastTerm, twin.terms.get(twin.last));
      for (let index = 0; index <= twin.last + 1; index++) {
        const isCovered = index >= twin.base && index <= twin.last;
        assert.equal(table.term(index), isCovered ? twin.terms.get(index) : null);
        const term = random.integer(0, 20);
        assert.equal(table.lastAtMost(index, term), twin.lastAtMost(index, term));
      }
    }
  }
});
