/**
 * A home that has no room for further keys, in a machine that the tests make small: whom it denies, and what ends that.
 */
import assert from "node:assert/strict";
import { HomeBench, settled, written } from "./home_bench.ts";

/** A home whose machine takes so many keys to be all that it can hold. */
async function smallHome(keysMax: number): Promise<HomeBench> {
  const bench = await HomeBench.begun();
  const { machine } = bench;
  Object.defineProperty(machine, "isFull", { get: () => machine.usage.keys >= keysMax });
  return bench;
}

Deno.test("home: where no room is left, keys whose time is over make some, though nobody else writes", async () => {
  const bench = await smallHome(2);
  const session = await bench.lease("B");
  for (const key of ["a", "b"]) {
    const grant = bench.granted("B", session, "owned", key);
    const expiresMs = bench.clock.monotonicMs() + 500;
    bench.writeBack("B", session, grant, { ...written(grant, 1), expiresMs }, "owned", key);
    await settled();
  }
  bench.ask("B", session, "owned", "c");
  assert.ok(bench.kinds("B").includes("denied"));
  await bench.pass(600);
  bench.ask("B", session, "owned", "c");
  assert.ok(bench.kinds("B").includes("denied"), "they are cleared away by the next entry");
  await settled();
  bench.granted("B", session, "owned", "c");
});

Deno.test("home: where no room is left, a write with an id makes some as well", async () => {
  const bench = await smallHome(1);
  const request = (id: string) => ({ kind: "caller", principal: "p", id }) as const;
  const put = (key: string, id: string) => {
    const value = new TextEncoder().encode("1");
    const write = {
      value,
      ttlMs: 500,
      ifVersion: undefined,
      request: request(id),
      fillToken: null,
    };
    return bench.question({ kind: "write", key, ...write });
  };
  await put("a", "1");
  await assert.rejects(put("b", "2"), /full/);
  await bench.pass(600);
  await assert.rejects(put("b", "3"), /full/);
  await settled();
  await put("b", "4");
});

Deno.test("home: where no room is left, who reads a key alone may not write it unasked", async () => {
  const bench = await smallHome(1);
  const session = await bench.lease("B");
  const states = (key: string) => {
    bench.ask("B", session, "shared", key);
    const granted = bench.take("B").find(({ kind }) => kind === "granted");
    assert.ok(granted?.kind === "granted");
    return granted.state;
  };
  assert.equal(states("x"), "E");
  const grant = bench.granted("B", session, "owned", "a");
  bench.writeBack("B", session, grant, written(grant, 1), "owned", "a");
  await settled();
  assert.equal(states("y"), "S");
  bench.ask("B", session, "owned", "y");
  assert.ok(bench.kinds("B").includes("denied"));
});

Deno.test("home: keys that are there are written on where no further one is, until they have grown too much", async () => {
  const bench = await smallHome(1);
  const session = await bench.lease("B");
  const write = async (write: number) => {
    const grant = bench.granted("B", session, "owned", "a");
    bench.writeBack("B", session, grant, written(grant, write), "nothing", "a");
    await settled();
    bench.take("B");
  };
  await write(1);
  await write(1);
  Object.defineProperty(bench.machine, "isOverfull", { get: () => bench.machine.usage.keys > 0 });
  bench.ask("B", session, "owned", "a");
  assert.ok(bench.kinds("B").includes("denied"));
  await bench.question({ kind: "remove", key: "a", request: null });
  await write(1);
});
