/**
 * GET /raft/state, POST /raft/transfer and /raft/snapshot: one Raft group as this peer sees it, and what
 * an operator may ask of it. Peers are shown by name; where a name is not known (yet), by id.
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
  validateQuery,
} from "./fields.ts";
import { nameOf } from "./leader.ts";
import { SkeinError } from "../errors.ts";
import type { GroupStatus } from "../groups/groups.ts";
import type { Peer } from "../peer/peer.ts";
import type { PeerId, Replica } from "../raft/entry.ts";

const SYSTEM_GROUP = 0;
const GROUP_MAX = 65_535;
const TRANSFER_TIMEOUT_MS = 10_000;

const groupField = z.number().int().min(0).max(GROUP_MAX).default(SYSTEM_GROUP)
  .openapi({ description: "the Raft group; 0 is the system group" });

const StateQuery = z.object({
  group: z.string().regex(/^\d{1,5}$/, "must be the number of a group").optional()
    .openapi({ description: "the Raft group, 0 where absent", type: "integer" }),
});
const TransferSchema = z.object({
  to: nameField("name or id of a voter"),
  group: groupField,
}).openapi("RaftTransfer");
const SnapshotSchema = z.object({ group: groupField }).openapi("RaftSnapshot");

const FollowerSchema = z.object({
  name: z.string(),
  state: z.enum(["probe", "replicate", "snapshot"]),
  match_index: z.number().int(),
  next_index: z.number().int(),
  active: z.boolean(),
}).openapi("RaftFollower");

const StateSchema = z.object({
  success: successField,
  group: z.number().int(),
  node_id: z.string(),
  peer_id: z.string(),
  replica: z.number().int(),
  role: z.enum(["leader", "follower", "candidate", "pre-candidate", "learner"]),
  term: z.number().int(),
  leader: z.string().nullable(),
  commit_index: z.number().int(),
  last_applied: z.number().int(),
  first_index: z.number().int(),
  last_index: z.number().int(),
  log_length: z.number().int(),
  snapshot_index: z.number().int().nullable(),
  group_time_ms: z.number().int(),
  asleep: z.boolean(),
  configuration_index: z.number().int(),
  voters: z.array(z.string()),
  voters_outgoing: z.array(z.string()),
  learners: z.array(z.string()),
  peers: z.array(FollowerSchema).openapi({
    description: "followers' progress; empty but on a leader",
  }),
}).openapi("RaftState");

function stateBody(peer: Peer, status: GroupStatus): z.output<typeof StateSchema> {
  const name = (id: PeerId) => nameOf(peer, id);
  const names = (replicas: readonly Replica[]) => replicas.map((replica) => name(replica.peer));
  const { configuration } = status;
  return {
    success: true,
    group: status.group,
    node_id: peer.name,
    peer_id: peer.id,
    replica: status.replica,
    role: status.role,
    term: status.term,
    leader: status.leader === null ? null : name(status.leader),
    commit_index: status.commitIndex,
    last_applied: status.appliedIndex,
    first_index: status.firstIndex,
    last_index: status.lastIndex,
    log_length: Math.max(0, status.lastIndex - status.firstIndex + 1),
    snapshot_index: status.snapshot?.index ?? null,
    group_time_ms: status.timeMs,
    asleep: status.asleep,
    configuration_index: configuration.index,
    voters: names(configuration.voters),
    voters_outgoing: names(configuration.votersOutgoing),
    learners: names(configuration.learners),
    peers: status.followers.map((follower) => ({
      name: name(follower.replica.peer),
      state: follower.state,
      match_index: follower.matchIndex,
      next_index: follower.nextIndex,
      active: follower.recentlyActive,
    })),
  };
}

function statusOf(peer: Peer, group: number): GroupStatus {
  const status = peer.groups.status(group);
  if (status !== null) return status;
  throw new SkeinError("NOT_FOUND", `${peer.name} has no replica of group ${group}`);
}

function state({ peer }: Site): Endpoint {
  return {
    route: createRoute({
      method: "get",
      path: "/raft/state",
      tags: ["raft"],
      summary: "A Raft group as this peer sees it",
      request: { query: StateQuery },
      responses: {
        200: jsonResponse("Its state", StateSchema),
        404: errorResponse("This peer has no replica of the group"),
        422: errorResponse("Not a group's number"),
      },
    }),
    access: "token",
    handle(request) {
      const { group } = validateQuery(StateQuery, request.url);
      return answer(stateBody(peer, statusOf(peer, Number(group ?? SYSTEM_GROUP))));
    },
  };
}

function transfer({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/raft/transfer",
      tags: ["raft"],
      summary: "Hand a group's leadership to another voter",
      request: jsonBody(TransferSchema),
      responses: {
        200: jsonResponse(
          "Handed over",
          z.object({ success: successField, group: z.number().int(), to: z.string() }),
        ),
        404: errorResponse("No such member"),
        409: errorResponse("It can not lead the group now"),
        422: errorResponse("A field is missing or out of its bounds"),
        503: errorResponse("No leader"),
      },
    }),
    access: "token",
    async handle(request) {
      const { to, group } = validate(TransferSchema, await bodies.readObject(request));
      const member = peer.members.view().members.find(({ id, name }) => id === to || name === to);
      if (member === undefined) {
        throw new SkeinError("NOT_FOUND", `there is no member ${JSON.stringify(to)}`);
      }
      await peer.groups.transferLeadership(group, member.id, TRANSFER_TIMEOUT_MS);
      return answer({ success: true, group, to: member.name });
    },
  };
}

function snapshot({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/raft/snapshot",
      tags: ["raft"],
      summary: "Take a snapshot of this peer's replica now",
      request: jsonBody(SnapshotSchema),
      responses: {
        200: jsonResponse(
          "Taken",
          z.object({
            success: successField,
            group: z.number().int(),
            index: z.number().int(),
            term: z.number().int(),
            size_bytes: z.number().int(),
          }),
        ),
        404: errorResponse("This peer has no replica of the group"),
        422: errorResponse("Not a group's number"),
      },
    }),
    access: "token",
    async handle(request) {
      const { group } = validate(SnapshotSchema, await bodies.readObject(request));
      statusOf(peer, group);
      const { index, term, sizeBytes } = await peer.groups.takeSnapshot(group);
      return answer({ success: true, group, index, term, size_bytes: sizeBytes });
    },
  };
}

/** The routes of Raft itself. */
export function raftEndpoints(site: Site): readonly Endpoint[] {
  return [state(site), transfer(site), snapshot(site)];
}
