/** Lines of the log on a disk that gets full, a pipe that takes little, and one that nobody reads any more. */
import assert from "node:assert/strict";
import { LogOutput, type Writer } from "../../src/peer/log_output.ts";

/** Takes so many bytes at once, and none past its room. */
class Disk implements Writer {
  text = "";
  constructor(readonly atOnceBytes: number, public roomBytes = Infinity) {}

  writeSync(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.atOnceBytes, this.roomBytes);
    if (taken === 0) throw new Error("No space left on device");
    this.text += new TextDecoder().decode(bytes.subarray(0, taken));
    this.roomBytes -= taken;
    return taken;
  }
}

function outputTo(writer: Writer): { output: LogOutput; told: string[] } {
  const told: string[] = [];
  const output = new LogOutput(writer, { name: "peer.log", tell: (said) => void told.push(said) });
  return { output, told };
}

Deno.test("a line is written whole, however little is taken at once", () => {
  const disk = new Disk(3);
  const { output, told } = outputTo(disk);
  output.write("first line\n");
  output.write("second\n");
  assert.equal(disk.text, "first line\nsecond\n");
  assert.deepEqual([output.linesLost, told], [0, []]);
});

Deno.test("a full disk: lost lines are counted, told once, and reported when there is room", () => {
  const disk = new Disk(100, 12);
  const { output, told } = outputTo(disk);
  assert.equal(output.write("one line\n"), null);
  for (let line = 0; line < 5; line++) assert.equal(output.write("another line\n"), null);
  assert.equal(output.linesLost, 5);
  assert.deepEqual(told, [
    "cannot write the log to peer.log: No space left on device; " +
    "until it can, lines are lost, and counted",
  ]);
  disk.roomBytes = Infinity;
  assert.deepEqual(output.write("room\n"), { lines: 5, reason: "No space left on device" });
  assert.equal(output.write("more\n"), null);
  assert.equal(disk.text, "one line\nano\nroom\nmore\n", "what is torn has a line of its own");
  disk.roomBytes = 0;
  output.write("again\n");
  assert.deepEqual([output.linesLost, told.length], [6, 2], "another outage is told again");
});

Deno.test("what is torn in one file does not begin the next", () => {
  const full = new Disk(100, 3);
  const { output } = outputTo(full);
  output.write("torn\n");
  const next = new Disk(100);
  output.replace(next);
  assert.deepEqual(output.write("whole\n"), { lines: 1, reason: "No space left on device" });
  assert.equal(next.text, "whole\n");
});

Deno.test("who takes nothing, and says nothing, does not hold the peer up", () => {
  const { output } = outputTo({ writeSync: () => 0 });
  output.write("line\n");
  assert.equal(output.linesLost, 1);
});
