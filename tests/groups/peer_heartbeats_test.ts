import assert from "node:assert/strict";
import type { Group } from "../../src/groups/group.ts";
import { HEARTBEAT_TOPICS, PeerHeartbeats } from "../../src/groups/peer_heartbeats.ts";
import { QuorumContact } from "../../src/groups/quorum_contact.ts";

const PATIENCE_MS = 1_000;

/** What the heartbeats see and do of one group. */
class SleepyGroup {
  readonly id: number;
  leads: boolean;
  readonly alive: string[] = [];
  readonly contact = new QuorumContact();
  readonly raft;

  constructor(id: number, leader: string, self: string, options: { term?: number } = {}) {
    this.id = id;
    this.leads = leader === self;
    const replicas = ["a", "b", "c"].map((peer) => ({ peer, replica: 1 }));
    this.raft = {
      asleep: true,
      leader,
      term: options.term ?? 3,
      configuration: {
        index: 1,
        voters: replicas,
        votersOutgoing: [],
        learners: [{ peer: "d", replica: 9 }],
        learnersNext: [],
      },
      followerAlive: (peer: string, round: number) => {
        assert.equal(round, 0, "a read must never rest on it");
        this.alive.push(peer);
      },
    };
  }
}

/** Peers that hear each other at once, where the test lets them. */
class Neighbourhood {
  nowMs = 0;
  readonly peers = new Map<string, Neighbour>();
  readonly sent: string[] = [];
  deaf: (from: string, to: string) => boolean = () => false;

  add(name: string, ...groups: SleepyGroup[]): Neighbour {
    const neighbour = new Neighbour(this, name, groups);
    for (const [other, { heartbeats }] of this.peers) {
      heartbeats.connected(name);
      neighbour.heartbeats.connected(other);
    }
    this.peers.set(name, neighbour);
    return neighbour;
  }

  send(from: string, to: string, topic: string, body: unknown): void {
    this.sent.push(`${from} ${topic} ${to}`);
    if (this.deaf(from, to)) return;
    const sound = this.peers.get(to)?.heartbeats.receive(from, topic, structuredClone(body));
    assert.notEqual(sound, false);
  }

  /** Everybody's interval ends. */
  beat(times = 1): void {
    for (let time = 0; time < times; time++) {
      this.nowMs += 150;
      for (const [name, { heartbeats }] of this.peers) {
        heartbeats.beat([...this.peers.keys()].filter((other) => other !== name));
      }
    }
  }
}

class Neighbour {
  readonly heartbeats: PeerHeartbeats;
  readonly woken: { id: number; elapsedMs: number }[] = [];

  constructor(world: Neighbourhood, name: string, readonly groups: SleepyGroup[]) {
    this.heartbeats = new PeerHeartbeats(PATIENCE_MS, {
      self: name,
      bootId: `boot of ${name}`,
      nowMs: () => world.nowMs,
      now: () => ({ monotonicMs: world.nowMs, wallMs: 7_000 + world.nowMs }),
      groups: () => this.groups as unknown as Group[],
      group: (id) => this.groups.find((group) => group.id === id) as unknown as Group | undefined,
      send: (to, topic, body) => world.send(name, to, topic, body),
      wake: ({ id, raft }, elapsedMs) => {
        if (!raft.asleep) return;
        (raft as { asleep: boolean }).asleep = false;
        this.woken.push({ id, elapsedMs });
      },
    });
  }
}

/** Peers a, b and c, of which a leads groups 1 and 2 and b leads group 3; all of them sleep. */
function neighbourhood() {
  const world = new Neighbourhood();
  const groups = (self: string) => [
    new SleepyGroup(1, "a", self),
    new SleepyGroup(2, "a", self),
    new SleepyGroup(3, "b", self),
  ];
  const [a, b, c] = ["a", "b", "c"].map((name) => world.add(name, ...groups(name)));
  return { world, a: a!, b: b!, c: c! };
}

Deno.test("while all agree nothing wakes, and each beat is echoed by the next one that comes back", () => {
  const { world, a, b, c } = neighbourhood();
  world.beat(100);
  for (const { woken } of [a, b, c]) assert.deepEqual(woken, []);
  assert.equal(world.sent.length, 100 * 6);
  assert.equal(a.groups[0]!.alive.filter((peer) => peer === "b").length, 100);
  assert.deepEqual(b.groups[0]!.alive, [], "a follower hears no echoes for it");
});

Deno.test("what a follower has awake wakes at its leader, and nothing else does", () => {
  const { world, a, b, c } = neighbourhood();
  world.beat(3);
  b.groups[1]!.raft.asleep = false;
  world.beat();
  assert.deepEqual(a.woken.map(({ id }) => id), [2]);
  world.beat(3);
  assert.deepEqual(c.woken.map(({ id }) => id), [2], "the leader does not count on its sleep now");
  assert.deepEqual([a, b].flatMap(({ woken }) => woken.map(({ id }) => id)), [2]);
});

Deno.test("what a leader has awake wakes at its followers, counted from when it last agreed", () => {
  const { world, a, b } = neighbourhood();
  world.beat(3);
  a.groups[0]!.raft.asleep = false;
  world.nowMs += 100;
  world.beat();
  assert.deepEqual(b.woken, [{ id: 1, elapsedMs: 250 }]);
});

Deno.test("another term is another leader, though the peer is the same", () => {
  const { world, a, b } = neighbourhood();
  world.beat(3);
  a.groups[0]!.raft.term = 4;
  world.beat();
  assert.deepEqual(b.woken.map(({ id }) => id), [1]);
  assert.deepEqual(a.woken.map(({ id }) => id), [1]);
});

Deno.test("a follower wakes when its leader has not agreed for the minimum election timeout", () => {
  const { world, b, c } = neighbourhood();
  world.beat(3);
  world.deaf = (from) => from === "a";
  world.beat(6);
  assert.deepEqual(b.woken, []);
  world.beat();
  for (const { woken } of [b, c]) {
    const deserted = woken.filter(({ id }) => id !== 3);
    assert.deepEqual(deserted.map(({ id }) => id).sort(), [1, 2]);
    for (const { elapsedMs } of deserted) assert.ok(elapsedMs >= PATIENCE_MS && elapsedMs < 1_200);
  }
});

Deno.test("a leader wakes when one voter has not echoed for so long; a silent learner is nothing", () => {
  const { world, a, b } = neighbourhood();
  world.beat(3);
  world.deaf = (from, to) => from === "c" && to === "a";
  world.beat(6);
  assert.deepEqual(a.woken, []);
  world.beat();
  assert.deepEqual(a.woken.map(({ id }) => id).sort(), [1, 2]);
  assert.deepEqual(b.woken.filter(({ id }) => id === 3), [], "another leader hears it still");
});

Deno.test("an echo to a former run, of another digest, or that disagrees counts for nothing", () => {
  const { world, a } = neighbourhood();
  const { alive } = a.groups[0]!;
  let digest: unknown;
  world.deaf = () => true;
  const echo = (...body: unknown[]) =>
    a.heartbeats.receive("b", HEARTBEAT_TOPICS.beat, ["boot of b", 0, body]);
  const send = world.send.bind(world);
  world.send = (from, to, topic, body) => {
    if (from === "a" && topic === HEARTBEAT_TOPICS.beat) digest = (body as unknown[])[1];
    send(from, to, topic, body);
  };
  world.beat();
  assert.equal(echo("boot of another", digest, true), true);
  assert.equal(echo("boot of a", (digest as number) ^ 1, true), true);
  assert.equal(echo("boot of a", digest, false), true);
  assert.deepEqual(alive, []);
  assert.equal(echo("boot of a", digest, true), true);
  assert.deepEqual(alive, ["b"]);
});

Deno.test("an echo speaks for what slept when its heartbeat was sent, and sleeps still, in the same term", () => {
  const { world, a } = neighbourhood();
  world.add("d");
  const groups = [4, 5, 6].map((id) => new SleepyGroup(id, "a", "a"));
  a.groups.push(...groups);
  const digests: unknown[] = [];
  const send = world.send.bind(world);
  world.deaf = () => true;
  world.send = (from, to, topic, body) => {
    if (from === "a" && to === "b" && topic === HEARTBEAT_TOPICS.beat) {
      digests.push((body as unknown[])[1]);
    }
    send(from, to, topic, body);
  };
  const echo = (digest: unknown) =>
    a.heartbeats.receive("b", HEARTBEAT_TOPICS.beat, ["boot of b", 0, ["boot of a", digest, true]]);
  world.beat();
  groups[0]!.raft.asleep = false;
  world.beat();
  groups[1]!.raft.term++;
  assert.equal(echo(digests[0]), true);
  assert.deepEqual(groups.map(({ alive }) => alive.length), [0, 0, 1]);
  groups[0]!.raft.asleep = true;
  assert.equal(echo(digests[1]), true);
  assert.deepEqual(groups.map(({ alive }) => alive.length), [0, 0, 2], "that beat named two");
  world.beat(4);
  assert.deepEqual(a.woken, [], "the silence of the others was too short");
  for (let beat = 0; beat < 4; beat++) {
    groups[1]!.raft.term++;
    world.beat();
  }
  assert.equal(echo(digests[0]), true);
  assert.equal(groups[2]!.alive.length, 2, "that was too many beats ago");
});

Deno.test("a peer that is met for the first time has its time; coming back is no agreement", () => {
  const { world, b } = neighbourhood();
  world.deaf = (from) => from === "a";
  world.beat(6);
  assert.deepEqual(b.woken, []);
  b.heartbeats.connected("a");
  world.beat();
  assert.deepEqual(b.woken.map(({ id }) => id).sort(), [1, 2, 3]);
});

Deno.test("what does not have its topic's form is refused, and wakes nobody", () => {
  const { a, b } = neighbourhood();
  const wrong: [string, unknown][] = [
    [HEARTBEAT_TOPICS.beat, null],
    [HEARTBEAT_TOPICS.beat, [1, 2]],
    [HEARTBEAT_TOPICS.beat, ["boot", "digest"]],
    [HEARTBEAT_TOPICS.beat, ["boot of a", 1]],
    [HEARTBEAT_TOPICS.beat, ["boot of a", 1, "echo"]],
    [HEARTBEAT_TOPICS.beat, ["boot of a", 1, ["boot of b", 1, "yes"]]],
    [HEARTBEAT_TOPICS.list, [1, "term"]],
    [HEARTBEAT_TOPICS.list, "all"],
    [HEARTBEAT_TOPICS.differ, {}],
    ["beat.other", []],
  ];
  for (const [topic, body] of wrong) assert.equal(b.heartbeats.receive("a", topic, body), false);
  a.heartbeats.receive("b", HEARTBEAT_TOPICS.differ, [3, 77, "1", null]);
  assert.deepEqual([...a.woken, ...b.woken], [], "nor does what it does not lead itself");
});

Deno.test("what was heard before a connection broke is not echoed behind the break", () => {
  const { world, a, b } = neighbourhood();
  world.beat(3);
  a.heartbeats.beat(["b"]);
  const heard = a.groups[0]!.alive.length;
  // For a while b has no connection to a, and so sends it no heartbeat.
  world.nowMs += 5_000;
  b.heartbeats.connected("a");
  b.heartbeats.beat(["a"]);
  assert.equal(a.groups[0]!.alive.length, heard);
});

Deno.test("an agreeing echo counts from when the heartbeat was sent that it answers, not a later one", () => {
  const { world, a, b, c } = neighbourhood();
  const held: (() => void)[] = [];
  world.beat(2);
  assert.equal(a.groups[0]!.contact.heard?.since?.monotonicMs, 300, "b beats after a");
  // What b and c answer to a is on its way for long from now on.
  const send = world.send.bind(world);
  world.send = (from, to, topic, body) => {
    if (to !== "a") return send(from, to, topic, body);
    const copy = structuredClone(body);
    held.push(() => send(from, to, topic, copy));
  };
  world.beat(5);
  assert.equal(a.groups[0]!.contact.heard?.since?.monotonicMs, 300);
  world.send = send;
  held[0]!();
  assert.deepEqual(a.groups[0]!.contact.heard, {
    term: 3,
    since: { monotonicMs: 450, wallMs: 7_450 },
  });
  assert.equal(b.groups[0]!.contact.heard, null, "a follower has nobody's word");
  assert.equal(c.groups[0]!.contact.heard, null);
});

Deno.test("the echo of a version that names no heartbeat keeps a group asleep, and no lease", () => {
  const { world, a } = neighbourhood();
  const send = world.send.bind(world);
  world.send = (from, to, topic, body) => {
    const [bootId, digest, echo] = body as readonly unknown[];
    send(from, to, topic, [bootId, digest, Array.isArray(echo) ? echo.slice(0, 3) : echo]);
  };
  world.beat(20);
  assert.deepEqual(a.woken, []);
  assert.equal(a.groups[0]!.contact.heard, null);
});
