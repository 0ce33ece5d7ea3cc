/**
 * GET /ring: the hash ring as this peer knows it, from its own applied state of the system group. With a key:
 * where that hashes to, and which partition it belongs to. What is shown is what the ring wants; where
 * replicas are is shown by /cluster and /raft/state.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { errorResponse, jsonResponse, nameField, successField, validateQuery } from "./fields.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Wanted } from "../members/wanted.ts";
import { murmur3 } from "../ring/murmur3.ts";
import { PARTITIONED_KINDS, partitionOf } from "../ring/partition_of.ts";
import type { PartitionPlacement } from "../ring/placement.ts";
import { leadersMax } from "../ring/preferred_leaders.ts";
import { type RingPeer, virtualNodesOf } from "../ring/ring.ts";

const HASH_FUNCTION = "MurmurHash3 x86-32, seed 0, of the UTF-8 bytes";

const RingQuery = z.object({
  key: nameField("what to look up; without it the whole ring is shown", LIMITS.ringKeyBytesMax)
    .optional(),
  kind: z.enum(PARTITIONED_KINDS).default("queue").openapi({
    description: "whose partition is meant: a queue's topic, a key of the cache, a topic of events",
  }),
});

const hashField = z.number().int().min(0).max(0xffff_ffff);

const PlacedPeerSchema = z.object({ name: z.string(), id: z.string() }).openapi("PlacedPeer");

const wantedReplicasField = z.array(PlacedPeerSchema).openapi({
  description: "the peers that the ring wants the partition on, clockwise",
});
const preferredLeaderField = PlacedPeerSchema.nullable().openapi({
  description: "which of them should lead it; null where no peer owns anything",
});

const RingKeySchema = z.object({
  success: successField,
  key: z.string(),
  hash_function: z.string(),
  hash: hashField.openapi({ description: "of the key alone" }),
  preference: z.array(PlacedPeerSchema).openapi({
    description: "the peers that this hash belongs to when it is put on the ring directly",
  }),
  kind: z.enum(PARTITIONED_KINDS),
  partition: z.number().int().min(1),
  wanted_replicas: wantedReplicasField,
  preferred_leader: preferredLeaderField,
}).openapi("RingKey");

const RingPeerSchema = PlacedPeerSchema.extend({
  zone: z.string(),
  weight: z.number().openapi({ description: "0: owns nothing, because it is dead or drains" }),
  virtual_nodes: z.number().int(),
  share: z.number().min(0).max(1).openapi({ description: "its part of all hashes" }),
  wanted_replicas: z.number().int(),
  preferred_leader: z.number().int().openapi({ description: "of so many partitions" }),
  preferred_leader_max: z.number().int(),
}).openapi("RingPeer");

const PlacementSchema = z.object({
  partition: z.number().int().min(1),
  hash: hashField,
  wanted_replicas: wantedReplicasField,
  preferred_leader: preferredLeaderField,
}).openapi("WantedPlacement");

const RingSchema = z.object({
  success: successField,
  hash_function: z.string(),
  replicas: z.number().int(),
  peers: z.array(RingPeerSchema),
  partitions: z.array(PlacementSchema),
}).openapi("Ring");

function placedPeer({ name, id }: RingPeer): z.output<typeof PlacedPeerSchema> {
  return { name, id };
}

function placementBody(
  { partition, hash, replicas, leader }: PartitionPlacement,
): z.output<typeof PlacementSchema> {
  return {
    partition,
    hash,
    wanted_replicas: replicas.map(placedPeer),
    preferred_leader: leader === null ? null : placedPeer(leader),
  };
}

function keyBody(
  { ring, replicas, placements }: Wanted,
  key: string,
  kind: z.output<typeof RingQuery>["kind"],
): z.output<typeof RingKeySchema> {
  const hash = murmur3(key);
  const partition = partitionOf(kind, key, placements.length);
  const { wanted_replicas, preferred_leader } = placementBody(placements[partition - 1]!);
  return {
    success: true,
    key,
    hash_function: HASH_FUNCTION,
    hash,
    preference: ring.preferenceList(hash, replicas).map(placedPeer),
    kind,
    partition,
    wanted_replicas,
    preferred_leader,
  };
}

function ringBody({ ring, replicas, placements }: Wanted): z.output<typeof RingSchema> {
  return {
    success: true,
    hash_function: HASH_FUNCTION,
    replicas,
    peers: ring.peers.map((peer) => ({
      ...placedPeer(peer),
      zone: peer.zone,
      weight: peer.weight,
      virtual_nodes: virtualNodesOf(peer.weight),
      share: ring.shareOf(peer),
      wanted_replicas: placements.filter(({ replicas }) => replicas.includes(peer)).length,
      preferred_leader: placements.filter(({ leader }) => leader === peer).length,
      preferred_leader_max: leadersMax(ring, peer, placements.length),
    })),
    partitions: placements.map(placementBody),
  };
}

/** The route of the ring. */
export function ringEndpoints({ peer }: Site): readonly Endpoint[] {
  return [{
    route: createRoute({
      method: "get",
      path: "/ring",
      tags: ["cluster"],
      summary: "Where the hash ring wants the partitions, or where one key hashes to",
      request: { query: RingQuery },
      responses: {
        200: jsonResponse("The key's place; the whole ring", z.union([RingKeySchema, RingSchema])),
        422: errorResponse("A key out of its bounds, or an unknown kind"),
        503: errorResponse("The cluster is not formed yet"),
      },
    }),
    access: "token",
    handle(request) {
      const { key, kind } = validateQuery(RingQuery, request.url);
      const wanted = peer.members.wanted();
      if (wanted === null) {
        throw new SkeinError("UNAVAILABLE", "there is no ring before the cluster is formed");
      }
      return answer(key === undefined ? ringBody(wanted) : keyBody(wanted, key, kind));
    },
  }];
}
