import assert from "node:assert/strict";
import { NONE, RecordPages } from "../../src/groups/record_pages.ts";
import { loadBlock } from "../../src/groups/record_walk.ts";
import { Random } from "../../src/random.ts";

/** A record with a name, a number and a text, as the tables have them. */
class Things extends RecordPages {
  readonly #texts: string[] = [];

  constructor() {
    super(2, 1);
  }

  add(name: number, value: number): number {
    const slot = this.allocate(name);
    this.#texts[slot] = `thing ${name}`;
    this.setHalf(slot, 2, value);
    return slot;
  }

  change(slot: number, value: number): void {
    this.setHalf(slot, 3, value);
  }

  remove(slot: number): void {
    this.release(slot);
    this.#texts[slot] = "";
  }

  override textOf(slot: number): string {
    return this.#texts[slot]!;
  }

  loadText(slot: number, text: string): void {
    this.#texts[slot] = text;
  }

  /** All of it, in no particular order. */
  content(): string[] {
    const rows = Array.from(this.slots(), (slot) => {
      return `${this.word(slot, 0)} ${this.half(slot, 2)} ${this.half(slot, 3)} ${
        this.textOf(slot)
      }`;
    });
    return rows.sort();
  }
}

Deno.test("a snapshot has exactly one moment, however much changes while it is pulled", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const things = new Things();
    let name = 1;
    const live: number[] = [];
    const change = () => {
      const choice = random.integer(0, 2);
      if (live.length === 0 || choice === 0) live.push(things.add(name, -name++));
      else {
        const place = random.integer(0, live.length - 1);
        if (choice === 1) things.change(live[place]!, random.integer(-9, 9));
        else {
          things.remove(live[place]!);
          live[place] = live.at(-1)!;
          live.pop();
        }
      }
    };
    for (let count = random.pick([0, 3, 2_500]); count > 0; count--) {
      live.push(things.add(name, name++));
    }
    for (let count = 0; count < 500; count++) change();
    const moment = things.content();
    const walk = things.snapshot(7);
    const copy = new Things();
    // One that is emptied in between gives its pages back, and uses its slots anew.
    const emptiedAt = random.chance(0.3) ? random.integer(0, 5) : NONE;
    for (let pulled = 0;; pulled++) {
      if (pulled === emptiedAt) { for (const slot of live.splice(0)) things.remove(slot); }
      for (let count = random.integer(0, 400); count > 0; count--) change();
      const step = walk.next();
      if (step.done === true) break;
      assert.equal(step.value[0], 7);
      loadBlock(copy, step.value, (slot, text) => copy.loadText(slot, text));
    }
    copy.endLoading();
    copy.checkPages();
    things.checkPages();
    assert.deepEqual(copy.content(), moment, `seed ${seed}`);
    assert.equal(things.content().length, live.length);
    const slot = copy.add(1e6, 1);
    assert.ok(slot <= copy.live, "what was free is used again");
    copy.checkPages();
  }
});

Deno.test("another snapshot makes the one before void", () => {
  const things = new Things();
  things.add(1, 1);
  const first = things.snapshot(1);
  const second = things.snapshot(1);
  assert.throws(() => first.next(), /pulled to its end/);
  assert.equal(second.next().done, false);
  second.return();
  assert.throws(() => second.next(), /pulled to its end/);
});
