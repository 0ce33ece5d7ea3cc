/**
 * GET /cluster and /cluster/self, POST /cluster/remove: who belongs to the cluster, and who this peer is.
 * `/cluster/self` is what discovery asks of a peer that was given by its HTTP address; it is under the
 * token like the rest, and discovery presents it.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import type { Endpoint, Site } from "./endpoint.ts";
import {
  errorResponse,
  jsonBody,
  jsonResponse,
  nameField,
  successField,
  validate,
} from "./fields.ts";
import { nameOf } from "./leader.ts";
import type { GroupStatus } from "../groups/groups.ts";
import type { MemberView } from "../members/members.ts";
import type { Peer } from "../peer/peer.ts";

const REMOVE_TIMEOUT_MS = 30_000;

const MemberSchema = z.object({
  name: z.string(),
  id: z.string(),
  addresses: z.array(z.string()).openapi({ description: "host:port of the peer protocol" }),
  http_url: z.string(),
  zone: z.string(),
  state: z.enum(["alive", "suspect", "dead"]).openapi({ description: "this peer's opinion" }),
  role: z.enum(["voter", "learner", "none"]).openapi({ description: "in the system group" }),
  leads: z.array(z.number().int()),
  self: z.boolean(),
}).openapi("Member");

const GroupSchema = z.object({
  group: z.number().int(),
  leader: z.string().nullable(),
  term: z.number().int(),
  role: z.string(),
  voters: z.array(z.string()),
}).openapi("GroupSummary");

const ClusterSchema = z.object({
  success: successField,
  cluster_id: z.string().nullable().openapi({
    description: "null while the cluster is not formed",
  }),
  partitions: z.number().int(),
  replicas: z.number().int(),
  members: z.array(MemberSchema),
  groups: z.array(GroupSchema).openapi({ description: "those that this peer has a replica of" }),
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

const RemoveSchema = z.object({ member: nameField("name or id of the member") })
  .openapi("ClusterRemove");

function memberBody(peer: Peer, member: MemberView): z.output<typeof MemberSchema> {
  return {
    name: member.name,
    id: member.id,
    addresses: [...member.addresses],
    http_url: member.httpUrl,
    zone: member.zone,
    state: member.state,
    role: member.role,
    leads: [...member.leads],
    self: member.id === peer.id,
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

function remove({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/cluster/remove",
      tags: ["cluster"],
      summary: "Remove a member for good",
      request: jsonBody(RemoveSchema),
      responses: {
        200: jsonResponse("Removed", z.object({ success: successField, member: z.string() })),
        404: errorResponse("No such member"),
        409: errorResponse("Another change is under way"),
        422: errorResponse("No name, or one out of its bounds"),
        503: errorResponse("No leader"),
      },
    }),
    access: "token",
    async handle(request) {
      const { member } = validate(RemoveSchema, await bodies.readObject(request));
      await peer.members.remove(member, REMOVE_TIMEOUT_MS);
      return answer({ success: true, member });
    },
  };
}

/** The routes of membership. */
export function clusterEndpoints(site: Site): readonly Endpoint[] {
  return [cluster(site), self(site), remove(site)];
}
