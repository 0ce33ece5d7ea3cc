/** Wrong edits of the home of a cache's partition, and of what its lease rests on: each breaks a rule of its own. */
import { type Mutant, test } from "./mutant.ts";

const LEASES = test("tests/cache/home_lease_test.ts");
const HOME = test("tests/cache/home_test.ts");
const FILLS = test("tests/cache/home_fills_test.ts");
const CONTACT = test("tests/groups/quorum_contact_test.ts");
const HEARTBEATS = test("tests/groups/peer_heartbeats_test.ts");
const POST = test("tests/cache/post_test.ts");
const DESK = test("tests/cache/home_desk_test.ts");
const CHANGES = test("tests/cache/home_changes_test.ts");

export const CACHE_HOME_MUTANTS: readonly Mutant[] = [
  {
    name: "a home's lease counts from the answers, not from the beginning of their round",
    file: "src/groups/quorum_contact.ts",
    search: `this.#note(this.#rounds[done - 1]!.began);`,
    replace: `this.#note(this.#rounds.at(-1)!.began);`,
    caughtBy: [CONTACT],
  },
  {
    name: "what was answered in a former term counts in the next",
    file: "src/groups/quorum_contact.ts",
    search: `    this.#since = null;
    this.#rounds = [];
    this.#beats.clear();`,
    replace: ``,
    caughtBy: [CONTACT],
  },
  {
    name: "an agreeing echo counts from when the last heartbeat was sent",
    file: "src/groups/peer_heartbeats.ts",
    search: `typeof serial === "number" ? this.#sent.get(serial) : undefined;`,
    replace: `typeof serial === "number" ? this.#sent.get(this.#serial) : undefined;`,
    caughtBy: [HEARTBEATS],
  },
  {
    name: "one agreeing peer is a quorum",
    file: "src/groups/quorum_contact.ts",
    search:
      `    for (const beat of this.#beats.values()) if (beat.monotonicMs === agreedMs) this.#note(beat);`,
    replace: `    if (agreedMs < Infinity) this.#note(sent);`,
    caughtBy: [CONTACT],
  },
  {
    name: "a home renews without its home lease",
    file: "src/cache/home_sessions.ts",
    search: `if (!this.#edges.mayGrant() || !this.#answers(peer)) return;`,
    replace: `if (!this.#answers(peer)) return;`,
    caughtBy: [LEASES],
  },
  {
    name: "a home takes inventories without its home lease",
    file: "src/cache/home_sessions.ts",
    search: `if (!this.#edges.mayGrant() || !this.#holders.has(peer)) return;`,
    replace: `if (!this.#holders.has(peer)) return;`,
    caughtBy: [LEASES],
  },
  {
    name: "a home without its lease says that there is no lease",
    file: "src/cache/home_sessions.ts",
    search: `if (this.#edges.mayGrant()) this.#answer(peer, serial, 0, false);`,
    replace: `this.#answer(peer, serial, 0, false);`,
    caughtBy: [LEASES],
  },
  {
    name: "a renewal does not send again what the peer may have lost",
    file: "src/cache/home_sessions.ts",
    search: `    directory.remind(peer);`,
    replace: ``,
    caughtBy: [LEASES],
  },
  {
    name: "who never acknowledges is renewed for ever",
    file: "src/cache/home_sessions.ts",
    search: `sinceMs === null || this.#edges.now().monotonicMs - sinceMs < patienceMs;`,
    replace: `sinceMs === null || patienceMs > 0;`,
    caughtBy: [LEASES],
  },
  {
    name: "a peer that is leaving the replicated set gets a lease",
    file: "src/cache/home_holders.ts",
    search: `return this.#machine.leaseHolders.has(peer) && !this.#leaving.has(peer);`,
    replace: `return this.#machine.leaseHolders.has(peer);`,
    caughtBy: [LEASES],
  },
  {
    name: "who has just lost its lease leaves the replicated set at once",
    file: "src/cache/home_leases.ts",
    search: `if (monotonicMs - sinceMs >= this.#times.peerOverMs) gone.push(peer);`,
    replace: `if (monotonicMs >= sinceMs) gone.push(peer);`,
    caughtBy: [LEASES],
  },
  {
    name: "the rebuilt home does not tell its entries",
    file: "src/cache/home_sessions.ts",
    search: `    if (isRebuilt && !wasRebuilt) directory.rebuilt();`,
    replace: `    if (isRebuilt && wasRebuilt) directory.rebuilt();`,
    caughtBy: [LEASES],
  },
  {
    name: "a write-back is confirmed before it is committed",
    file: "src/cache/home_proposals.ts",
    search: `    const command = { kind: "writeBack", term: this.#term, items } as const;`,
    replace: `    const command = { kind: "writeBack", term: this.#term, items } as const;
    this.#committed(items);`,
    caughtBy: [HOME],
  },
  {
    name: "a write-back whose outcome is unknown is given up",
    file: "src/cache/home_proposals.ts",
    search: `(error) => error.code === "CONFLICT");`,
    replace: `(error) => error.code !== "NOT_FOUND");`,
    caughtBy: [HOME],
  },
  {
    name: "what a removal found dirty did not exist",
    file: "src/cache/home_tasks.ts",
    search: `  return existed || answer.existed;`,
    replace: `  return answer.existed;`,
    caughtBy: [HOME],
  },
  {
    name: "a conditional write that fails loses what was handed over to it",
    file: "src/cache/home_tasks.ts",
    search: `    if (dirty !== null) proposals.add({ key: task.key, ...dirty });`,
    replace: ``,
    caughtBy: [HOME],
  },
  {
    name: "a conditional write compares with what is written back alone",
    file: "src/cache/home_tasks.ts",
    search: `    const present = dirty === null`,
    replace: `    const present = dirty === null || dirty !== null`,
    caughtBy: [HOME],
  },
  {
    name: "a removal that is sent again is executed again",
    file: "src/cache/replicated_backing.ts",
    search: `if (request === null || !this.#edges.replica.remembers(request)) return null;`,
    replace: `if (request === null || question.kind === "remove") return null;`,
    caughtBy: [HOME],
  },
  {
    name: "a large value is sent although its grant is over",
    file: "src/cache/home_grants.ts",
    search: `if (read !== null && isHeld && this.#edges.mayGrant()) this.#send(key, effect, read);`,
    replace: `if (read !== null && this.#edges.mayGrant()) this.#send(key, effect, read);`,
    caughtBy: [HOME],
  },
  {
    name: "a fill token outlives the lease of its holder",
    file: "src/cache/home_sessions.ts",
    search: `      this.#edges.ended(peer);`,
    replace: ``,
    caughtBy: [FILLS],
  },
  {
    name: "a fill under a caller's own id needs no token",
    file: "src/cache/home_desk.ts",
    search: `if (fillToken !== null && !fills.isValid(key, fillToken)) {`,
    replace: `if (fillToken !== null && fills.isValid(key, "")) {`,
    caughtBy: [FILLS],
  },
  {
    name: "what a peer sends itself arrives in the midst of another message",
    file: "src/cache/post.ts",
    search: `    if (this.#delivering) return;
    this.#delivering = true;`,
    replace: `    this.#delivering = true;`,
    caughtBy: [POST],
  },
  {
    name: "a home that may have been followed says for good what is in its way",
    file: "src/cache/home_desk.ts",
    search: `error.code === "UNAVAILABLE" &&
        this.#edges.mayGrant();`,
    replace: `error.code === "UNAVAILABLE";`,
    caughtBy: [DESK],
  },
  {
    name: "a removal that nobody waits for any more is done later",
    file: "src/cache/home_changes.ts",
    search: `directory.step(key, { kind: "withdrawn", request: job.request });`,
    replace: `continue;`,
    caughtBy: [CHANGES],
  },
  {
    name: "a request of a session is another one where the session has heard of more",
    file: "src/cache/home_jobs.ts",
    search: `    : [request.session, request.bootId, request.sequence];`,
    replace: `    : [request.session, request.bootId, request.sequence, request.lowestOpen];`,
    caughtBy: [HOME],
  },
  {
    name: "a fill that is under way is refused when it is sent again late",
    file: "src/cache/home_desk.ts",
    search: `if (underWay !== null) return await underWay as HomeWriteAnswer;`,
    replace: ``,
    caughtBy: [FILLS],
  },
];
