/**
 * GET /cluster and /cluster/self: who belongs to the cluster, where its partitions are, and who this peer is.
 * `/cluster/self` is what discovery asks of a peer that was given by its HTTP address; it is under the
 * token like the rest, and discovery presents it.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import { jsonResponse, successField } from "./fields.ts";
import { nameOf } from "./leader.ts";
import type { GroupStatus } from "../groups/groups.ts";
import type { MemberView } from "../members/members.ts";
import type { Peer } from "../peer/peer.ts";
import type { PeerId } from "../raft/entry.ts";

const SYSTEM_GROUP = 0;

const ConnectionSchema = z.object({
  way: z.enum(["tcp", "swarm"]),
  found_by: z.array(z.enum(["list", "members", "swarm"])).openapi({
    description:
      "how this peer came to know it: --peers, the cluster's members, the swarm; empty: it dialled this one",
  }),
  round_trip_ms: z.number().nullable().openapi({ description: "null: not measured yet" }),
  retransmissions: z.number().int().nullable().openapi({
    description: "packets of this connection that were sent again; null for TCP",
  }),
  congestion_window: z.number().int().nullable().openapi({
    description: "packets that may be on their way at once; null for TCP",
  }),
}).openapi("Connection");

const MemberSchema = z.object({
  name: z.string(),
  id: z.string(),
  addresses: z.array(z.string()).openapi({ description: "host:port of the peer protocol" }),
  http_url: z.string(),
  zone: z.string(),
  state: z.enum(["alive", "suspect", "dead"]).openapi({ description: "this peer's opinion" }),
  draining: z.boolean().openapi({ description: "replicas leave it, and none come" }),
  role: z.enum(["voter", "learner", "none"]).openapi({ description: "in the system group" }),
  leads: z.array(z.number().int()).openapi({
    description: "groups: 0 is the system group, the others are partitions",
  }),
  replicas: z.number().int().nullable().openapi({
    description:
      "partitions that it has a replica of, being built or there; null where this is not known now",
  }),
  self: z.boolean(),
  connection: ConnectionSchema.nullable().openapi({
    description: "how this peer talks to it; null where it does not",
  }),
}).openapi("Member");

const GroupSchema = z.object({
  group: z.number().int(),
  leader: z.string().nullable(),
  term: z.number().int(),
  role: z.string(),
  voters: z.array(z.string()),
}).openapi("GroupSummary");

const MoveSchema = z.object({
  partition: z.number().int(),
  from: z.string().nullable().openapi({ description: "whose place it takes; null: nobody's" }),
  to: z.string(),
  missing_entries: z.number().int().openapi({ description: "that it is not known to have yet" }),
}).openapi("Move");

const UnavailableSchema = z.object({
  partition: z.number().int(),
  replicas: z.array(z.string()).openapi({
    description: "its voters, as far as a replica that answers knows them",
  }),
  answering: z.array(z.string()).openapi({ description: "those of them that answer" }),
}).openapi("UnavailablePartition");

const PlacementViewSchema = z.object({
  driver: z.string().openapi({ description: "the system leader, which places the partitions" }),
  led: z.number().int().openapi({ description: "partitions that have a leader" }),
  replicas_wanted: z.number().int(),
  replicas_present: z.number().int().openapi({
    description: "those that are there, on whichever peer that answers",
  }),
  deviating: z.number().int().openapi({
    description: "partitions whose replicas or leader are not as the ring wants",
  }),
  moves: z.array(MoveSchema).openapi({ description: "replicas that are being built" }),
  unavailable: z.array(UnavailableSchema).openapi({
    description: "partitions without a leader: they can be neither read nor written now",
  }),
}).openapi("Placement");

const ClusterSchema = z.object({
  success: successField,
  cluster_id: z.string().nullable().openapi({
    description: "null while the cluster is not formed",
  }),
  partitions: z.number().int(),
  replicas: z.number().int(),
  members: z.array(MemberSchema),
  groups: z.array(GroupSchema).openapi({ description: "those that this peer has a replica of" }),
  placement: PlacementViewSchema.nullable().openapi({
    description:
      "where the partitions are, as the system leader last told; null where it has not lately",
  }),
  warnings: z.array(z.string()),
}).openapi("Cluster");

const SelfSchema = z.object({
  success: successField,
  id: z.string(),
  name: z.string(),
  version: z.string(),
  cluster_id: z.string().nullable(),
  addresses: z.array(z.string()).openapi({ description: "host:port of the peer protocol" }),
}).openapi("Self");

function memberBody(peer: Peer, member: MemberView): z.output<typeof MemberSchema> {
  return {
    name: member.name,
    id: member.id,
    addresses: [...member.addresses],
    http_url: member.httpUrl,
    zone: member.zone,
    state: member.state,
    draining: member.draining,
    role: member.role,
    leads: ledBy(peer, member),
    replicas: peer.placement === null ? null : peer.placement.held.get(member.id) ?? 0,
    self: member.id === peer.id,
    connection: connectionBody(peer, member.id),
  };
}

function connectionBody(peer: Peer, id: PeerId): z.output<typeof ConnectionSchema> | null {
  const link = peer.transportStatistics().links.find((each) => each.peer === id);
  if (link === undefined) return null;
  return {
    way: link.way,
    found_by: [...link.foundBy],
    round_trip_ms: link.roundTripMs,
    retransmissions: link.retransmissions,
    congestion_window: link.congestionWindowPackets,
  };
}

/** Of partitions the system leader knows more than this peer, which has replicas of a few. */
function ledBy(peer: Peer, { id, leads }: MemberView): number[] {
  const { placement } = peer;
  if (placement === null) return [...leads];
  const partitions = placement.leaders.flatMap((leader, at) => leader === id ? [at + 1] : []);
  return [...leads.filter((group) => group === SYSTEM_GROUP), ...partitions];
}

function placementBody(peer: Peer): z.output<typeof PlacementViewSchema> | null {
  const { placement } = peer;
  if (placement === null) return null;
  const name = (id: PeerId) => nameOf(peer, id);
  return {
    driver: name(placement.driver),
    led: placement.leaders.filter((leader) => leader !== null).length,
    replicas_wanted: placement.replicasWanted,
    replicas_present: placement.replicasPresent,
    deviating: placement.deviating,
    moves: placement.moves.map(({ partition, from, to, missingEntries }) => ({
      partition,
      from: from === null ? null : name(from),
      to: name(to),
      missing_entries: missingEntries,
    })),
    unavailable: placement.unavailable.map(({ partition, replicas, answering }) => ({
      partition,
      replicas: replicas.map(name),
      answering: answering.map(name),
    })),
  };
}

function groupBody(peer: Peer, status: GroupStatus): z.output<typeof GroupSchema> {
  return {
    group: status.group,
    leader: status.leader === null ? null : nameOf(peer, status.leader),
    term: status.term,
    role: status.role,
    voters: status.configuration.voters.map((voter) => nameOf(peer, voter.peer)),
  };
}

function cluster({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/cluster",
      tags: ["cluster"],
      summary: "Members, and this peer's groups",
      responses: { 200: jsonResponse("The cluster", ClusterSchema) },
    }),
    access: "token",
    handle() {
      const view = peer.members.view();
      const groups = peer.groups.groups().map((group) => peer.groups.status(group));
      return answer({
        success: true,
        cluster_id: view.clusterId,
        partitions: view.partitions,
        replicas: view.replicas,
        members: view.members.map((member) => memberBody(peer, member)),
        groups: groups.filter((status) => status !== null).map((status) => groupBody(peer, status)),
        placement: placementBody(peer),
        warnings: view.warnings,
      });
    },
  };
}

function self({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/cluster/self",
      tags: ["cluster"],
      summary: "Who this peer is, and where others can dial it",
      responses: { 200: jsonResponse("This peer", SelfSchema) },
    }),
    access: "token",
    handle() {
      return answer({
        success: true,
        id: peer.id,
        name: peer.name,
        version: peer.version,
        cluster_id: peer.members.view().clusterId,
        addresses: peer.addresses,
      });
    },
  };
}

/** The routes that show the cluster. */
export function clusterEndpoints(site: Site): readonly Endpoint[] {
  return [cluster(site), self(site)];
}
