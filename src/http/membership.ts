/**
 * POST /cluster/add, /cluster/drain and /cluster/remove: what operators change of the membership. Each answers
 * once the cluster has taken it; where replicas go is then seen in /cluster.
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

const OPERATION_TIMEOUT_MS = 30_000;
/** A peer that is to be added may have to be started first. */
const ADD_WAIT_MAX_S = 3_600;
const ADD_WAIT_DEFAULT_S = 30;

const memberField = nameField("name or id of the member");

const AddSchema = z.object({
  address: nameField("host:port of the peer protocol"),
  timeout: z.number().min(0).max(ADD_WAIT_MAX_S).default(ADD_WAIT_DEFAULT_S).openapi({
    description: "seconds to wait until it is a member",
  }),
}).openapi("ClusterAdd");
const DrainSchema = z.object({
  member: memberField,
  undo: z.boolean().default(false).openapi({ description: "replicas may lie there again" }),
}).openapi("ClusterDrain");
const RemoveSchema = z.object({
  member: memberField,
  force: z.boolean().default(false).openapi({
    description: "even where what only this member has is lost for good",
  }),
}).openapi("ClusterRemove");

const MemberAnswerSchema = z.object({ success: successField, member: z.string() });

function add({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/cluster/add",
      tags: ["cluster"],
      summary: "Meet a peer that no list names, and wait until it is a member",
      request: jsonBody(AddSchema),
      responses: {
        200: jsonResponse(
          "It is a member",
          MemberAnswerSchema.extend({
            id: z.string(),
            was_member: z.boolean().openapi({ description: "whether it was one already" }),
          }),
        ),
        400: errorResponse("Not an address"),
        409: errorResponse("The peer there belongs to another cluster"),
        422: errorResponse("No address, or a field out of its bounds"),
        503: errorResponse("No peer answers there, or it has not joined in time"),
      },
    }),
    access: "token",
    async handle(request) {
      const { address, timeout } = validate(AddSchema, await bodies.readObject(request));
      const { id, name, wasMember } = await peer.members.add(address, timeout * 1000);
      return answer({ success: true, member: name, id, was_member: wasMember });
    },
  };
}

function drain({ peer, bodies }: Site): Endpoint {
  return {
    route: createRoute({
      method: "post",
      path: "/cluster/drain",
      tags: ["cluster"],
      summary: "Have all replicas leave a member, which serves meanwhile",
      request: jsonBody(DrainSchema),
      responses: {
        200: jsonResponse(
          "It drains; or no more",
          MemberAnswerSchema.extend({ draining: z.boolean() }),
        ),
        404: errorResponse("No such member"),
        409: errorResponse("No other member is there to take replicas"),
        422: errorResponse("No name, or a field out of its bounds"),
        503: errorResponse("No leader"),
      },
    }),
    access: "token",
    async handle(request) {
      const { member, undo } = validate(DrainSchema, await bodies.readObject(request));
      await peer.members.drain(member, !undo, OPERATION_TIMEOUT_MS);
      return answer({ success: true, member, draining: !undo });
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
        200: jsonResponse("Removed", MemberAnswerSchema),
        404: errorResponse("No such member"),
        409: errorResponse("Partitions need it, or another change is under way"),
        422: errorResponse("No name, or a field out of its bounds"),
        503: errorResponse("No leader"),
      },
    }),
    access: "token",
    async handle(request) {
      const { member, force } = validate(RemoveSchema, await bodies.readObject(request));
      await peer.members.remove(member, { force }, OPERATION_TIMEOUT_MS);
      return answer({ success: true, member });
    },
  };
}

/** The routes that change membership. */
export function membershipEndpoints(site: Site): readonly Endpoint[] {
  return [add(site), drain(site), remove(site)];
}
