import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { SkeinError } from "../../src/errors.ts";
import { Deadlines } from "../../src/groups/deadlines.ts";
import { encodeOutcome, Forwarder } from "../../src/groups/forwarder.ts";
import { LIMITS } from "../../src/limits.ts";
import { RequestError } from "../../src/net/transport.ts";
import { ManualClock } from "../manual_clock.ts";

/** A leader whose answers the test gives. */
function manualLeader() {
  const clock = new ManualClock();
  const requests: { payloads: Uint8Array[]; answer: PromiseWithResolvers<unknown> }[] = [];
  const forwarder = new Forwarder({
    request: (_to, _method, body) => {
      const answer = Promise.withResolvers<unknown>();
      const [, , payloads] = body as [number, number, Uint8Array[]];
      requests.push({ payloads, answer });
      return answer.promise;
    },
  }, new Deadlines(clock));
  const forward = (byte: number, sizeBytes = 1, timeoutMs = 1_000) =>
    forwarder.forward("leader", 0, new Uint8Array(sizeBytes).fill(byte), timeoutMs);
  const answerAll = (place: number) => {
    const { payloads, answer } = requests[place]!;
    answer.resolve(payloads.map((payload) => encodeOutcome(`answer ${payload[0]}`)));
  };
  return { clock, forwarder, requests, forward, answerAll };
}

/** Lets everything that is due as a microtask happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test("what comes in one turn goes in one request, and each gets its own answer", async () => {
  const { requests, forward, answerAll } = manualLeader();
  const answers = [1, 2, 3].map((byte) => forward(byte));
  await settled();
  assert.equal(requests.length, 1);
  answerAll(0);
  assert.deepEqual(await Promise.all(answers), ["answer 1", "answer 2", "answer 3"]);
});

Deno.test("while two requests are under way the next commands gather", async () => {
  const { requests, forward, answerAll } = manualLeader();
  const answers: Promise<unknown>[] = [];
  for (let byte = 1; byte <= 6; byte++) {
    answers.push(forward(byte));
    await settled();
  }
  assert.deepEqual(requests.map(({ payloads }) => payloads.length), [1, 1]);
  answerAll(0);
  await settled();
  assert.deepEqual(requests.map(({ payloads }) => payloads.length), [1, 1, 4]);
  answerAll(1);
  answerAll(2);
  assert.equal((await Promise.all(answers)).length, 6);
});

Deno.test("a batch is bounded in bytes, and its first command always goes", async () => {
  const { requests, forward, answerAll } = manualLeader();
  const half = LIMITS.appendBytesMax / 2;
  const answers = [forward(1, 3 * half), forward(2, half), forward(3, half), forward(4, half)];
  await settled();
  assert.deepEqual(requests.map(({ payloads }) => payloads.length), [1, 2]);
  answerAll(0);
  await settled();
  assert.deepEqual(requests.map(({ payloads }) => payloads.length), [1, 2, 1]);
  answerAll(1);
  answerAll(2);
  await Promise.all(answers);
});

Deno.test("one command's refusal is its own; a lost request is everybody's", async () => {
  const { requests, forward } = manualLeader();
  const [first, second] = [forward(1), forward(2)];
  await settled();
  const refusal = new SkeinError("NOT_LEADER", "not here", { leader: null });
  requests[0]!.answer.resolve([encodeOutcome("yes"), encodeOutcome(refusal)]);
  assert.equal(await first, "yes");
  await assert.rejects(second!, { reason: "refused", code: "NOT_LEADER", message: "not here" });

  const lost = [forward(3), forward(4)];
  await settled();
  requests[1]!.answer.reject(new RequestError("lost", "the connection went away"));
  for (const command of lost) await assert.rejects(command, { reason: "lost" });
});

Deno.test("an answer without the form leaves the commands' fate unknown", async () => {
  const { requests, forward } = manualLeader();
  for (const [place, answer] of [null, [], [["a"], ["b"]], "x", [7]].entries()) {
    const command = forward(1);
    await settled();
    requests[place]!.answer.resolve(answer);
    await assert.rejects(command, { reason: "lost" });
  }
});

Deno.test("a command whose time is over says whether it ever left this peer", async () => {
  const { clock, requests, forward, answerAll } = manualLeader();
  const slow = [forward(1, 1, 10_000)];
  await settled();
  slow.push(forward(2, 1, 10_000));
  await settled();
  const [gone, waiting] = [forward(3, 1, 100), forward(4, 1, 10_000)];
  clock.advance(200);
  await assert.rejects(gone!, { reason: "unreachable" });
  answerAll(0);
  await settled();
  assert.deepEqual([...requests[2]!.payloads.map(([byte]) => byte)], [4], "nor will it ever");
  clock.advance(10_000);
  for (const command of [slow[1]!, waiting!]) await assert.rejects(command, { reason: "timeout" });
  assert.equal(await slow[0], "answer 1");
  answerAll(1);
  answerAll(2);
  await settled();
});

Deno.test("when another peer leads, nobody goes on waiting for the former leader", async () => {
  const { forwarder, requests, forward, answerAll } = manualLeader();
  const sent = [forward(1)];
  await settled();
  sent.push(forward(2));
  await settled();
  const waiting = forward(3);
  forwarder.leaderChanged(1, "other");
  forwarder.leaderChanged(0, "leader");
  await settled();
  forwarder.leaderChanged(0, "other");
  for (const command of sent) await assert.rejects(command, { reason: "lost" });
  await assert.rejects(waiting, { reason: "unreachable" });
  answerAll(0);
  await settled();
  assert.equal(requests.length, 2, "what waited is not sent there any more");
});
