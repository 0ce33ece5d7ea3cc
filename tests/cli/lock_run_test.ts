/** `skein lock run`: the command runs under the lock and not without it, and its exit code comes back. */
import assert from "node:assert/strict";
import { limitMs } from "../speed_limit.ts";
import { type Answers, failed, type FakeAnswer, FakePeer } from "./fake_peer.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

const ACQUIRE = "POST /lock/acquire";
const RENEW = "POST /lock/renew";
const RELEASE = "POST /lock/release";
const GRANT = { success: true, fencing_token: 42, expires_at: "2030-01-01T00:00:30.000Z" };

function fakePeer(changed: Answers = {}): FakePeer {
  return new FakePeer({
    [ACQUIRE]: [200, GRANT],
    [RENEW]: [200, GRANT],
    [RELEASE]: [200, { success: true }],
    ...changed,
  });
}

function runArgs(peer: FakePeer): string[] {
  return ["lock", "run", "report", "--url", peer.url];
}

function lockRun(peer: FakePeer, command: readonly string[], options: readonly string[] = []) {
  return skein([...runArgs(peer), ...options, "--", ...command]);
}

Deno.test("the command has its token, its exit code comes back, and the lock is released", async () => {
  await using peer = fakePeer();
  const script = 'echo "$SKEIN_FENCING_TOKEN $SKEIN_RESOURCE $SKEIN_OWNER"; exit 9';
  const { code, stdout, stderr } = await lockRun(peer, ["sh", "-c", script]);
  assert.equal(code, 9);
  assert.equal(stderr, "");
  const { owner } = peer.asked[0]!.body;
  assert.equal(stdout, `42 report ${owner}\n`);
  assert.deepEqual(peer.asked.map(({ route }) => route), [ACQUIRE, RELEASE]);
  assert.deepEqual(peer.asked[1]!.body, { resource: "report", owner, fencing_token: 42 });
});

Deno.test("its own arguments are left alone, flags and all", async () => {
  await using peer = fakePeer();
  const { code, stdout } = await lockRun(peer, ["echo", "--json", "--ttl", "a b"]);
  assert.equal(code, 0);
  assert.equal(stdout, "--json --ttl a b\n");
});

Deno.test("the command has the environment that skein itself may not read", async () => {
  await using peer = fakePeer();
  const environment = { OF_THE_COMMAND: "its own" };
  const args = [...runArgs(peer), "--", "sh", "-c", "echo $OF_THE_COMMAND"];
  assert.equal((await skein(args, environment)).stdout, "its own\n");
});

Deno.test("the lease is renewed while the command runs", async () => {
  await using peer = fakePeer();
  const { code } = await lockRun(peer, ["sleep", "1"], ["--ttl", "0.6"]);
  assert.equal(code, 0);
  const renewals = peer.count(RENEW);
  assert.ok(renewals >= 3 && renewals <= 5, `${renewals} renewals in 1 s at a third of 0.6 s`);
  assert.equal(peer.asked[1]!.body["ttl"], 0.6);
});

Deno.test("a lock that is lost ends the command, and is exit code 107", async () => {
  await using peer = fakePeer({ [RENEW]: [409, failed("NOT_HELD", "gone")] });
  const options = ["--ttl", "0.6", "--json"];
  const { code, stdout, stderr } = await lockRun(peer, ["sleep", "30"], options);
  assert.equal(code, 107);
  assert.equal(stdout, "");
  const [said = "", json = ""] = stderr.split("\n");
  assert.equal(
    said,
    "skein: the lock report is lost: the cluster says that it is not held; ending sleep",
  );
  assert.deepEqual(JSON.parse(json), {
    success: false,
    exit_code: 107,
    lost: "the cluster says that it is not held",
    fencing_token: 42,
  });
});

Deno.test("a command that does not heed SIGTERM is killed after the grace", async () => {
  await using peer = fakePeer({ [RENEW]: [409, failed("NOT_HELD", "gone")] });
  const script = 'trap "" TERM; while :; do sleep 0.1; done';
  const { code } = await lockRun(peer, ["sh", "-c", script], ["--ttl", "0.6", "--grace", "0.2"]);
  assert.equal(code, 107);
});

Deno.test("a lease that cannot be renewed counts as lost before it ends", async () => {
  await using peer = fakePeer({ [RENEW]: [503, failed("NO_LEADER", "no leader")] });
  const startedMs = performance.now();
  const { code, stderr } = await lockRun(peer, ["sleep", "30"], ["--ttl", "1.5", "--grace", "9"]);
  assert.equal(code, 107);
  assert.match(stderr, /is lost: it could not be renewed in time; ending sleep/);
  assert.ok(performance.now() - startedMs < limitMs(10_000));
});

Deno.test("a renewal that fails once is no loss", async () => {
  await using peer = fakePeer({
    [RENEW]: (_, count) => count === 1 ? [503, failed("STORAGE_FAILED", "disk")] : [200, GRANT],
  });
  assert.equal((await lockRun(peer, ["sleep", "1"], ["--ttl", "0.9"])).code, 0);
});

Deno.test("a lock that is refused: the command does not run, exit code 101", async () => {
  await using peer = fakePeer({ [ACQUIRE]: [409, failed("LOCK_HELD", "held by bob")] });
  const { code, stdout, stderr } = await lockRun(peer, ["echo", "ran"], ["--wait", "0"]);
  assert.equal(code, 101);
  assert.equal(stdout, "");
  assert.equal(stderr, "skein: held by bob\n");
});

Deno.test("nobody to ask: exit code 103", async () => {
  const args = ["lock", "run", "report", "--url", "127.0.0.1:9", "--retry", "0", "--wait", "0"];
  assert.equal((await skein([...args, "--", "echo", "ran"])).code, 103);
});

Deno.test("a command that is not there is 127, one that may not be run 126; both release", async () => {
  await using peer = fakePeer();
  assert.equal((await lockRun(peer, ["/nonexistent/command"])).code, 127);
  const plainFile = await Deno.makeTempFile();
  assert.equal((await lockRun(peer, [plainFile])).code, 126);
  await Deno.remove(plainFile);
  assert.equal(peer.count(RELEASE), 2);
});

Deno.test("a signal is handed on, and the command's end by it is 128 + n", async () => {
  await using peer = fakePeer();
  const script = "echo ready; exec sleep 30";
  await using running = new RunningSkein([...runArgs(peer), "--", "sh", "-c", script]);
  await running.wrote(/ready/);
  running.kill("SIGTERM");
  assert.equal(await running.ended(), 143);
  assert.equal(peer.count(RELEASE), 1);
});

Deno.test("a signal while it waits for the lock ends it, and the command never runs", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<FakeAnswer>();
  await using peer = fakePeer({
    [ACQUIRE]: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  await using running = new RunningSkein([...runArgs(peer), "--", "echo", "ran"]);
  await asked.promise;
  running.kill("SIGINT");
  assert.equal(await running.ended(), 130);
  assert.equal(running.output, "");
  answer.resolve([200, GRANT]);
});
