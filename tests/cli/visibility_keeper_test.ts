/** Who is extended, how often, what a failure changes, and when a delivery counts as lost. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { VisibilityKeeper, type VisibilityKeeperOptions } from "../../src/cli/visibility_keeper.ts";
import type { DeliveryName, SettleResult } from "../../src/client/mod.ts";

const VISIBILITY_MS = 100;
const DEADLINE_MS = 5_000;

/** A keeper that is stopped in the end, and the requests that it makes. */
class Kept implements Disposable {
  readonly requests: (readonly DeliveryName[])[] = [];
  readonly failures: [unknown, number][] = [];
  readonly keeper: VisibilityKeeper;

  constructor(answer: (deliveries: readonly DeliveryName[], count: number) => SettleResult[]) {
    const options: VisibilityKeeperOptions = {
      visibilityMs: VISIBILITY_MS,
      extend: (deliveries) => {
        this.requests.push(deliveries);
        return new Promise((resolve) => resolve(answer(deliveries, this.requests.length)));
      },
      onFailure: (error, count) => this.failures.push([error, count]),
    };
    this.keeper = new VisibilityKeeper(options);
  }

  async asked(count: number): Promise<void> {
    await eventually(`${count} requests`, DEADLINE_MS, () => {
      assert.ok(this.requests.length >= count, `${this.requests.length}`);
    });
  }

  [Symbol.dispose](): void {
    this.keeper.stop();
  }
}

function allRight(deliveries: readonly DeliveryName[]): SettleResult[] {
  return deliveries.map(() => ({ ok: true }));
}

Deno.test("several deliveries are extended in one request, again and again, until they are let go", async () => {
  using kept = new Kept(allRight);
  const names = [{ id: "a", receipt: "1" }, { receipt: "2" }];
  const deliveries = names.map((name) => kept.keeper.keep(name));
  await kept.asked(2);
  assert.deepEqual(kept.requests.slice(0, 2), [names, names]);
  deliveries[0]![Symbol.dispose]();
  const before = kept.requests.length;
  await kept.asked(before + 2);
  assert.deepEqual(kept.requests.at(-1), [{ receipt: "2" }]);
});

Deno.test("who is refused is lost, with the reason, and nobody else", async () => {
  using kept = new Kept((deliveries) =>
    deliveries.map(({ id }) => {
      if (id === "stale") return { ok: false, code: "STALE_RECEIPT" };
      return id === "gone" ? { ok: false, code: "NOT_FOUND" } : { ok: true };
    })
  );
  const [stale, well, gone] = ["stale", "well", "gone"].map((id) => kept.keeper.keep({ id }));
  assert.equal(await stale!.lost, "it was delivered again, or handed back");
  assert.equal(await gone!.lost, "the cluster knows the message no more");
  const before = kept.requests.length;
  await kept.asked(before + 2);
  assert.deepEqual(kept.requests.at(-1), [{ id: "well" }]);
  const still = Promise.race([well!.lost, Promise.resolve("not lost")]);
  assert.equal(await still, "not lost");
});

Deno.test("a request that fails is told of and made again; nothing is lost by it", async () => {
  using kept = new Kept((deliveries, count) => {
    if (count <= 2) throw new Error("nobody there");
    return allRight(deliveries);
  });
  using delivery = kept.keeper.keep({ id: "a" });
  await kept.asked(4);
  assert.deepEqual(kept.failures.map(([error, count]) => [(error as Error).message, count]), [
    ["nobody there", 1],
    ["nobody there", 1],
  ]);
  assert.equal(await Promise.race([delivery.lost, Promise.resolve("not lost")]), "not lost");
});

Deno.test("while a request is on its way its deliveries are in no other", async () => {
  const answer = Promise.withResolvers<SettleResult[]>();
  const requests: (readonly DeliveryName[])[] = [];
  const keeper = new VisibilityKeeper({
    visibilityMs: VISIBILITY_MS,
    extend: (deliveries) => {
      requests.push(deliveries);
      return requests.length === 1 ? answer.promise : Promise.resolve(allRight(deliveries));
    },
    onFailure: () => {},
  });
  using _first = keeper.keep({ id: "first" });
  await eventually("the first", DEADLINE_MS, () => assert.equal(requests.length, 1));
  using _second = keeper.keep({ id: "second" });
  await eventually("two of the second", DEADLINE_MS, () => assert.ok(requests.length >= 3));
  const others = requests.slice(1).flat();
  assert.ok(others.every(({ id }) => id === "second"));
  keeper.stop();
  answer.resolve([{ ok: true }]);
});

Deno.test("more deliveries than a request may name are extended in several", async () => {
  using kept = new Kept(allRight);
  for (let at = 0; at < 1_500; at++) kept.keeper.keep({ id: `${at}` });
  await eventually("all are extended", DEADLINE_MS, () => {
    assert.equal(new Set(kept.requests.flat().map(({ id }) => id)).size, 1_500);
  });
  assert.ok(kept.requests.every(({ length }) => length <= 1_000));
});
