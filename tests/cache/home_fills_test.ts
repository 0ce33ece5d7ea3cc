/** Who computes a value that nobody has, as one home decides it, and with what it is put. */
import assert from "node:assert/strict";
import { ET, HomeBench, settled, written } from "./home_bench.ts";

async function leased() {
  const bench = await HomeBench.begun();
  return { bench, b: await bench.lease("B") };
}

Deno.test("of callers who miss a key one computes it, and the others look again once it was put", async () => {
  const { bench } = await leased();
  const fill = (peer: string, waitMs: number, ttlMs = 30_000) =>
    bench.question({ kind: "beginFill", key: "k", peer, waitMs, ttlMs }) as Promise<unknown[]>;
  const [, token] = await fill("B", 0);
  assert.equal(typeof token, "string");
  assert.equal((await fill("C", 0))[0], 2, "late at once");
  const waiting = fill("C", 5_000);
  const patient = fill("C", 100);
  await bench.pass(150);
  assert.equal((await patient)[0], 2, "late");
  const check = { kind: "checkFill", key: "k", token: token as string } as const;
  assert.equal(await bench.question(check), true);
  assert.equal(await bench.question({ ...check, token: "other" }), false);
  await bench.question({ ...check, kind: "settleFill" });
  assert.equal((await waiting)[0], 1, "again");
  assert.equal(await bench.question(check), false);
});

Deno.test("a fill token ends with its time, and with the lease of its holder", async () => {
  const { bench, b } = await leased();
  const fill = (peer: string, waitMs: number, ttlMs: number) =>
    bench.question({ kind: "beginFill", key: "k", peer, waitMs, ttlMs }) as Promise<unknown[]>;
  await fill("B", 0, 400);
  const first = fill("C", 5_000, 400);
  await bench.pass(ET);
  assert.equal((await first)[0], 1);
  await fill("B", 0, 60_000);
  bench.renew("B", b);
  const second = fill("C", 60_000, 400);
  await bench.pass(1.1 * ET + 300);
  assert.equal((await second)[0], 1, "B's lease is over");
});

Deno.test("nobody computes what somebody has put, or may have put since", async () => {
  const { bench, b } = await leased();
  const fill = () =>
    bench.question({ kind: "beginFill", key: "k", peer: "C", waitMs: 9, ttlMs: 9 });
  const grant = bench.granted("B", b, "owned");
  assert.deepEqual(await fill(), [1, null]);
  bench.writeBack("B", b, grant, written(grant, 1), "nothing");
  await settled();
  assert.deepEqual(await fill(), [1, null]);
});

Deno.test("a fill under a caller's own id is answered as before when it is sent again, and else needs its token", async () => {
  const { bench } = await leased();
  const begin = { kind: "beginFill", key: "k", peer: "B", waitMs: 0, ttlMs: 5_000 } as const;
  const [, fillToken] = await bench.question(begin) as [number, string];
  const fill = (text: string, id: string, token: string) => {
    const request = { kind: "caller", principal: "p", id } as const;
    const what = { value: new TextEncoder().encode(text), ttlMs: null, ifVersion: null };
    return bench.question({ kind: "write", key: "k", ...what, request, fillToken: token });
  };
  assert.deepEqual(await fill("mine", "2", "3.9.x"), [false, null], "not the key's token");
  const answer = await fill("mine", "1", fillToken);
  assert.equal((answer as unknown[])[0], true);
  await bench.question({ kind: "settleFill", key: "k", token: fillToken });
  assert.deepEqual(await fill("mine", "1", fillToken), answer);
  const [, version] = answer as [boolean, number[]];
  assert.deepEqual(await fill("late", "3", fillToken), [false, version]);
  assert.equal(bench.value(), "mine");
});

Deno.test("a fill that is under way is not refused when it is sent again and its token is over", async () => {
  const { bench } = await leased();
  const begin = { kind: "beginFill", key: "k", peer: "B", waitMs: 0, ttlMs: 500 } as const;
  const [, fillToken] = await bench.question(begin) as [number, string];
  bench.isHeld = true;
  const fill = () => {
    const request = { kind: "caller", principal: "p", id: "1" } as const;
    const what = { value: new TextEncoder().encode("1"), ttlMs: null, ifVersion: null };
    return bench.question({ kind: "write", key: "k", ...what, request, fillToken });
  };
  const first = fill();
  await settled();
  await bench.question({ kind: "settleFill", key: "k", token: fillToken });
  const again = fill();
  await settled();
  bench.isHeld = false;
  bench.commit();
  assert.deepEqual(await again, await first);
  assert.equal((await first as unknown[])[0], true);
});
