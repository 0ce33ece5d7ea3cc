import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { SharedSender } from "../../src/groups/shared_sender.ts";
import { LIMITS } from "../../src/limits.ts";
import { ManualClock } from "../manual_clock.ts";

const ONE = { weight: 1, bytes: 1 };

/** A place that refuses what contains a word, and answers each of what it takes in capitals. */
function sender({ refused = /-/, mayConcernSome = true, code = "INVALID" as const } = {}) {
  const clock = new ManualClock();
  const commands: string[] = [];
  const shared = new SharedSender<string, string>({
    clock,
    waitingMsMax: 500,
    fullMessage: "too much waits",
    mayConcernSome,
    async send(words) {
      commands.push(words.join(" "));
      await Promise.resolve();
      if (words.some((word) => refused.test(word))) throw new SkeinError(code, "not that");
      return words.map((word) => word.toUpperCase());
    },
  });
  return { clock, commands, shared };
}

async function outcomes(sent: readonly Promise<string>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(sent);
  return settled.map((one) => one.status === "fulfilled" ? one.value : one.reason.code);
}

Deno.test("what goes to one place while another is under way goes together, and each has its answer", async () => {
  const { commands, shared } = sender();
  const sent = ["a", "b", "c"].map((word) => shared.send("x", word, ONE));
  sent.push(shared.send("y", "d", ONE));
  assert.deepEqual(await outcomes(sent), ["A", "B", "C", "D"]);
  assert.deepEqual(commands, ["a", "d", "b c"]);
});

Deno.test("where one is why several are refused, each goes again alone", async () => {
  const { commands, shared } = sender();
  const sent = ["a", "b", "-", "c"].map((word) => shared.send("x", word, ONE));
  assert.deepEqual(await outcomes(sent), ["A", "B", "INVALID", "C"]);
  assert.deepEqual(commands, ["a", "b - c", "b", "-", "c"]);
});

Deno.test("a refusal that concerns all is everybody's", async () => {
  const unreachable = sender({ code: "NO_LEADER" as "INVALID" });
  const words = ["a", "b", "-"];
  const sent = words.map((word) => unreachable.shared.send("x", word, ONE));
  assert.deepEqual(await outcomes(sent), ["A", "NO_LEADER", "NO_LEADER"]);
  assert.deepEqual(unreachable.commands, ["a", "b -"]);
  const alike = sender({ mayConcernSome: false });
  const others = words.map((word) => alike.shared.send("x", word, ONE));
  assert.deepEqual(await outcomes(others), ["A", "INVALID", "INVALID"]);
  assert.deepEqual(alike.commands, ["a", "b -"]);
});

Deno.test("what is large goes alone, and at once", async () => {
  const { commands, shared } = sender();
  const sent = [
    shared.send("x", "a", ONE),
    shared.send("x", "many", { weight: 51, bytes: 51 }),
    shared.send("x", "long", { weight: 1, bytes: 16 * 1024 + 1 }),
    shared.send("x", "b", ONE),
  ];
  assert.deepEqual(commands, ["a", "many", "long"]);
  assert.deepEqual(await outcomes(sent), ["A", "MANY", "LONG", "B"]);
});

Deno.test("no more waits than may, and nothing for longer than it may", async () => {
  const { clock, shared } = sender();
  const first = shared.send("x", "a", ONE);
  const some = { weight: 50, bytes: 1 };
  const count = Math.ceil(LIMITS.pendingProposalsMax / some.weight);
  const waiting = Array.from({ length: count }, () => shared.send("x", "b", some));
  const refused = shared.send("y", "c", ONE);
  clock.advance(501);
  await assert.rejects(refused, { code: "TOO_MANY_REQUESTS", message: "too much waits" });
  assert.equal(await first, "A");
  assert.deepEqual(new Set(await outcomes(waiting)), new Set(["UNAVAILABLE"]));
});
