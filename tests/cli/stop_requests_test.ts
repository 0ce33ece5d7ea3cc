/** Which signal asks for what: one Ctrl-C may arrive twice, a second one must end the process at once. */
import assert from "node:assert/strict";
import { StopRequests } from "../../src/cli/stop_signals.ts";

Deno.test("one Ctrl-C that arrives twice within a millisecond is one", () => {
  const requests = new StopRequests();
  assert.equal(requests.signalled(1000), "stop");
  assert.equal(requests.signalled(1000.4), "nothing");
  assert.equal(requests.signalled(1500), "nothing");
});

Deno.test("another one more than half a second after the first asks again", () => {
  const requests = new StopRequests();
  requests.signalled(1000);
  assert.equal(requests.signalled(1501), "again");
  assert.equal(requests.signalled(1502), "again");
});
