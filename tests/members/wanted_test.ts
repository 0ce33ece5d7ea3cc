import assert from "node:assert/strict";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { idOf, memberOf } from "./peers.ts";

const MEMBERS = [1, 2, 3, 4].map((number) => memberOf(number));

Deno.test("wanted: every partition on three members, dead ones excepted", () => {
  const { ring, replicas, placements } = new WantedPlacement().of(MEMBERS, 16, 3);
  assert.deepEqual([ring.owners, replicas, placements.length], [4, 3, 16]);
  const [first, ...others] = MEMBERS;
  const dead = new WantedPlacement().of([{ ...first!, dead: true }, ...others], 16, 3);
  for (const placement of dead.placements) {
    assert.equal(placement.replicas.length, 3);
    assert.ok(placement.replicas.every(({ id }) => id !== idOf(1)));
  }
});

Deno.test("wanted: zones of members count", () => {
  const members = MEMBERS.map((member, at) => ({ ...member, zone: at < 2 ? "a" : `z${at}` }));
  for (const { replicas } of new WantedPlacement().of(members, 64, 3).placements) {
    assert.equal(new Set(replicas.map(({ zone }) => zone)).size, 3);
  }
});

Deno.test("wanted: remembered until something that it rests on changes", () => {
  const wanted = new WantedPlacement();
  const first = wanted.of(MEMBERS, 16, 3);
  const again = MEMBERS.map((member) => ({ ...member, bootId: "later", version: "9" }));
  assert.equal(wanted.of(again, 16, 3), first);
  const changes = [
    [MEMBERS.slice(1), 16, 3],
    [MEMBERS.map((member) => ({ ...member, zone: "b" })), 16, 3],
    [MEMBERS.map((member) => ({ ...member, name: `${member.name}b` })), 16, 3],
    [MEMBERS.map((member) => ({ ...member, dead: member.id === idOf(2) })), 16, 3],
    [MEMBERS, 17, 3],
    [MEMBERS, 16, 2],
  ] as const;
  for (const [members, partitions, replicas] of changes) {
    const changed = wanted.of(members, partitions, replicas);
    assert.deepEqual(changed, new WantedPlacement().of(members, partitions, replicas));
    assert.notDeepEqual(changed, first);
    assert.deepEqual(wanted.of(MEMBERS, 16, 3), first);
  }
});
