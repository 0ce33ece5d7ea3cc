/** What passes the gate below a secret stream before the other side is trusted. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Gate, type GatedStream } from "../../src/net/gate.ts";

/** A stream whose bytes the test makes up. */
class FakeStream extends EventEmitter implements GatedStream {
  paused = false;
  destroyed = false;
  write(): boolean {
    return false;
  }
  end(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

function createScene(messagesMax: number, bytesMax: number) {
  const source = new FakeStream();
  const gate = new Gate(source, { messagesMax, bytesMax });
  const passed: number[] = [];
  return {
    source,
    gate,
    passed,
    read: () => gate.on("data", (chunk: Uint8Array) => void passed.push(...chunk)),
  };
}

/** As the secret stream writes it: the length in three bytes, and so many bytes. */
function message(bytes: number): number[] {
  return [bytes & 255, bytes >> 8 & 255, bytes >> 16, ...new Array(bytes).fill(7)];
}

Deno.test("as many messages pass as may, in any pieces; the rest waits for the opening", () => {
  const first = [...message(40), ...message(20)];
  const rest = [...message(50), ...message(300)];
  for (const pieceBytes of [1, 2, 7, 1_000]) {
    const { source, gate, passed, read } = createScene(2, 100);
    read();
    const all = [...first, ...rest];
    for (let at = 0; at < all.length; at += pieceBytes) {
      source.emit("data", Uint8Array.from(all.slice(at, at + pieceBytes)));
    }
    assert.deepEqual(passed, first);
    assert(source.paused);
    gate.open();
    assert.deepEqual(passed, all);
    assert(!source.paused);
    source.emit("data", Uint8Array.of(1, 2));
    assert.deepEqual(passed.slice(-2), [1, 2]);
  }
});

Deno.test("a message that says too much is refused before it comes, and so are messages that are too long together", () => {
  for (const sent of [[0xff, 0xff, 0xff], [...message(60), ...message(50)]]) {
    const { source, gate, read } = createScene(5, 100);
    let refused = 0;
    gate.oversized = () => void refused++;
    read();
    source.emit("data", Uint8Array.from(sent));
    assert.equal(refused, 1);
  }
});

Deno.test("where nobody looks after it an oversized message ends the stream", () => {
  const { source, read } = createScene(5, 100);
  read();
  source.emit("data", Uint8Array.of(0xff, 0xff, 0xff));
  assert(source.destroyed);
});

Deno.test("messages without content do not count, their bytes do", () => {
  const { source, gate, passed, read } = createScene(1, 100);
  let refused = 0;
  gate.oversized = () => void refused++;
  read();
  source.emit("data", Uint8Array.from([...message(17), ...message(17), ...message(18)]));
  assert.equal(passed.length, 3 * 3 + 17 + 17 + 18);
  const flooded = createScene(1, 100);
  flooded.gate.oversized = () => void refused++;
  flooded.read();
  for (let at = 0; at < 6; at++) flooded.source.emit("data", Uint8Array.from(message(17)));
  assert(refused > 0);
});

Deno.test("nothing is taken from the stream before somebody reads", () => {
  const { source, read } = createScene(1, 100);
  assert.equal(source.listenerCount("data"), 0);
  read();
  assert.equal(source.listenerCount("data"), 1);
});
