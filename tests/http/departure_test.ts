/** Whatever Deno does to a request's signal around its answer, an acquire is told of departures alone. */
import { deepEqual, equal } from "node:assert/strict";
import { answerCaller } from "../../src/http/departure.ts";

class Call {
  readonly #caller = new AbortController();
  readonly #completed = Promise.withResolvers<void>();
  readonly #answer = Promise.withResolvers<Response>();
  readonly #answered: Promise<Response>;
  signal!: AbortSignal;

  constructor() {
    const request = new Request("http://127.0.0.1/", { signal: this.#caller.signal });
    const delivery = { completed: this.#completed.promise };
    this.#answered = answerCaller(request, delivery, (asked) => {
      this.signal = asked.signal;
      return this.#answer.promise;
    });
  }

  abort(): void {
    this.#caller.abort(new Error("gone"));
  }

  async answer(): Promise<void> {
    this.#answer.resolve(new Response());
    await this.#answered;
  }

  async write(): Promise<void> {
    this.#completed.resolve();
    await this.#completed.promise;
  }

  async failToWrite(): Promise<void> {
    this.#completed.reject(new Error("broken pipe"));
    await this.#completed.promise.catch(() => {});
  }
}

Deno.test("a caller that goes away while it waits", () => {
  const call = new Call();
  call.abort();
  equal(call.signal.aborted, true);
  equal(call.signal.reason.message, "gone");
});

Deno.test("an answer is no departure, though Deno aborts the signal with it", async () => {
  const call = new Call();
  await call.answer();
  call.abort();
  await call.write();
  equal(call.signal.aborted, false);
});

Deno.test("an answer that cannot be written, and a caller that leaves before it is sent", async () => {
  const [broken, left] = [new Call(), new Call()];
  await Promise.all([broken.answer(), left.answer()]);
  await broken.failToWrite();
  await left.write();
  left.abort();
  deepEqual([broken.signal.aborted, left.signal.aborted], [true, true]);
});

Deno.test("a caller that had gone before anybody asked", async () => {
  const request = new Request("http://127.0.0.1/", { signal: AbortSignal.abort() });
  await answerCaller(request, { completed: Promise.resolve() }, (asked) => {
    equal(asked.signal.aborted, true);
    return new Response();
  });
});
