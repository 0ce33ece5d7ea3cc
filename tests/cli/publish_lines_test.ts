/** Batches of lines: in order, bounded, ended by the first that is bad, and counted as the cluster acknowledged them. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import type { InputLine } from "../../src/cli/input_lines.ts";
import { LinePublisher, type PublishLinesOptions } from "../../src/cli/publish_lines.ts";
import { type PublishItem, SkeinError } from "../../src/client/mod.ts";

/** What was sent, batch by batch, each answered when the test says so. */
class Cluster {
  readonly batches: unknown[][] = [];
  readonly answers: PromiseWithResolvers<void>[] = [];
  /** Otherwise the test answers. */
  answersAtOnce = true;

  readonly send = async (items: readonly PublishItem[]) => {
    this.batches.push(items.map(({ data }) => data));
    const answer = Promise.withResolvers<void>();
    this.answers.push(answer);
    if (this.answersAtOnce) answer.resolve();
    await answer.promise;
    return items.map(({ data }) => ({ id: String(data), duplicate: data === "known" }));
  };
}

function publisher(
  cluster: Pick<Cluster, "send">,
  options: Partial<PublishLinesOptions<PublishItem>> = {},
) {
  return new LinePublisher({
    read: (text) => {
      if (text === "") return { kind: "blank" };
      if (text === "bad") return { kind: "fault", fault: "no good" };
      return { kind: "item", item: { data: text } };
    },
    send: cluster.send,
    batchMax: 3,
    inFlightMax: 1,
    skipLines: 0,
    onProgress: () => {},
    ...options,
  });
}

/** Lines of ten bytes each. */
function numbered(texts: readonly (string | null)[]): InputLine[] {
  return texts.map((text, at) => ({ number: at + 1, text, endBytes: 10 * (at + 1) }));
}

async function* input(...pieces: readonly (readonly InputLine[])[]) {
  yield* pieces;
}

const ABC = ["a", "b", "c", "d", "e", "f", "g"];

Deno.test("all lines in order, in batches that are not too large; blank ones are left out", async () => {
  const cluster = new Cluster();
  const publishing = publisher(cluster);
  await publishing.run(input(numbered(["a", "", "b", "known", "c", "d", "e", "f"])));
  assert.deepEqual(cluster.batches, [["a", "b", "known"], ["c", "d", "e"], ["f"]]);
  assert.deepEqual(publishing.progress, { published: 7, duplicates: 1, line: 8, bytes: 80 });
});

Deno.test("what has come is sent at once, and while it is on its way the next gather", async () => {
  const cluster = new Cluster();
  cluster.answersAtOnce = false;
  const more = Promise.withResolvers<void>();
  const lines = numbered(ABC);
  const running = publisher(cluster).run(async function* () {
    yield lines.slice(0, 1);
    await eventually("the first is sent", 5_000, () => assert.equal(cluster.batches.length, 1));
    yield lines.slice(1, 2);
    yield lines.slice(2, 3);
    more.resolve();
    await eventually("the rest is sent", 5_000, () => assert.equal(cluster.batches.length, 2));
  }());
  await more.promise;
  assert.deepEqual(cluster.batches, [["a"]]);
  cluster.answers[0]!.resolve();
  await eventually("the next batch", 5_000, () => assert.equal(cluster.batches.length, 2));
  assert.deepEqual(cluster.batches[1], ["b", "c"]);
  cluster.answers[1]!.resolve();
  await running;
});

Deno.test("the input is read no faster than it is published", async () => {
  const cluster = new Cluster();
  cluster.answersAtOnce = false;
  let taken = 0;
  const running = publisher(cluster).run(async function* () {
    for (const line of numbered(Array.from({ length: 100 }, (_, at) => `${at}`))) {
      taken++;
      yield [line];
    }
  }());
  for (let round = 0; round < 20; round++) {
    await eventually("a batch", 5_000, () => assert.ok(cluster.answers.length > round));
    const sent = cluster.batches.flat().length;
    assert.ok(taken - sent <= 4, `${taken} lines read, and ${sent} sent`);
    cluster.answers[round]!.resolve();
  }
  cluster.answersAtOnce = true;
  for (const answer of cluster.answers) answer.resolve();
  await running;
  assert.equal(cluster.batches.flat().length, 100);
});

Deno.test("several batches at once: what is behind one that is open does not count as reached", async () => {
  const cluster = new Cluster();
  cluster.answersAtOnce = false;
  const publishing = publisher(cluster, { inFlightMax: 2 });
  const running = publishing.run(input(numbered(ABC)));
  await eventually("two batches", 5_000, () => assert.equal(cluster.answers.length, 2));
  cluster.answers[1]!.resolve();
  await eventually("a third", 5_000, () => assert.equal(cluster.answers.length, 3));
  assert.deepEqual(publishing.progress, { published: 3, duplicates: 0, line: 0, bytes: 0 });
  cluster.answers[0]!.resolve();
  cluster.answers[2]!.resolve();
  await running;
  assert.deepEqual(publishing.progress, { published: 7, duplicates: 0, line: 7, bytes: 70 });
});

for (const bad of ["bad", null]) {
  Deno.test(`a bad line (${bad}) ends it: what is before it is sent, nothing behind it`, async () => {
    const cluster = new Cluster();
    const publishing = publisher(cluster);
    await assert.rejects(publishing.run(input(numbered(["a", "b", "c", "d", bad, "e", "f"]))), {
      code: "INVALID",
      message: /^line 5: (?:no good|too long, or no UTF-8)$/,
      details: { line: 5 },
    });
    assert.deepEqual(cluster.batches.flat(), ["a", "b", "c", "d"]);
    assert.deepEqual(publishing.progress, { published: 4, duplicates: 0, line: 4, bytes: 40 });
  });
}

Deno.test("a batch that fails ends it, with the line where the cluster names one", async () => {
  const refusals = [
    [{ field: "messages.1.data" }, /^line 5: no$/],
    [{}, /^no$/],
  ] as const;
  for (const [details, message] of refusals) {
    let count = 0;
    const cluster = new Cluster();
    const publishing = publisher({
      send: (items) => {
        if (++count === 2) return Promise.reject(new SkeinError("INVALID", "no", details));
        return cluster.send(items);
      },
    });
    await assert.rejects(publishing.run(input(numbered(ABC))), { code: "INVALID", message });
    assert.deepEqual(cluster.batches, [["a", "b", "c"]]);
    assert.equal(publishing.progress.line, 3);
  }
});

Deno.test("of a batch that failed in part, the rest counts as published", async () => {
  const results = [
    { success: true, id: "1", duplicate: false },
    { success: false, error: "NO_LEADER", message: "none" },
    { success: true, id: "3", duplicate: true },
  ];
  const publishing = publisher({
    send: () => Promise.reject(new SkeinError("PARTIAL_FAILURE", "in part", { results })),
  });
  await assert.rejects(publishing.run(input(numbered(ABC))), { code: "PARTIAL_FAILURE" });
  assert.deepEqual(publishing.progress, { published: 2, duplicates: 1, line: 0, bytes: 0 });
});

Deno.test("a batch that is too large is sent in halves, down to the line that is too large itself", async () => {
  const cluster = new Cluster();
  const send: Cluster["send"] = (items) => {
    if (items.length === 1 && items[0]!.data !== "c") return cluster.send(items);
    return Promise.reject(new SkeinError("PAYLOAD_TOO_LARGE", "too large"));
  };
  const publishing = publisher({ send });
  await assert.rejects(publishing.run(input(numbered(ABC))), {
    code: "PAYLOAD_TOO_LARGE",
    message: "line 3: too large",
  });
  assert.deepEqual(cluster.batches, [["a"], ["b"]]);
  assert.equal(publishing.progress.published, 2);
});

Deno.test("lines that are skipped are neither sent nor read", async () => {
  const cluster = new Cluster();
  const publishing = publisher(cluster, { skipLines: 2 });
  await publishing.run(input(numbered(["bad", null, "c", "d"])));
  assert.deepEqual(cluster.batches, [["c", "d"]]);
  assert.deepEqual(publishing.progress, { published: 2, duplicates: 0, line: 4, bytes: 40 });
});

Deno.test("stopped, it waits for what is on its way and sends nothing further", async () => {
  const cluster = new Cluster();
  cluster.answersAtOnce = false;
  const publishing = publisher(cluster);
  const running = publishing.run(input(numbered(ABC)));
  await eventually("a batch", 5_000, () => assert.equal(cluster.answers.length, 1));
  publishing.stop();
  cluster.answers[0]!.resolve();
  await running;
  assert.deepEqual(cluster.batches, [["a", "b", "c"]]);
  assert.equal(publishing.progress.published, 3);
});

Deno.test("an input that fails is an error, once what came before is published", async () => {
  const cluster = new Cluster();
  const failing = async function* () {
    yield numbered(["a"]);
    throw new Error("disk");
  };
  await assert.rejects(publisher(cluster).run(failing()), { message: "disk" });
  assert.deepEqual(cluster.batches, [["a"]]);
});
