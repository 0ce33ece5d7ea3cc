/**
 * Request ids of a caller's request that becomes several commands: one for each lane, since two lanes may share a
 * partition and its table of request ids, and one for each slice of a long work.
 */
import type { RequestKey } from "../groups/groups.ts";
import { requestPart } from "../groups/request_part.ts";

/** The id of what the request asks of this lane. */
export function laneRequest(request: RequestKey | null, lane: number): RequestKey | null {
  return request === null || lane === 0 ? request : requestPart(request, lane);
}

/**
 * The id of what a batch has for this lane. A peer that does not know the topic's lanes takes lane 0 for the only one: what
 * it asks for there is another request than that lane's part, and is refused for its lanes.
 */
export function partRequest(
  request: RequestKey | null,
  { lane, lanes }: { readonly lane: number; readonly lanes: number },
): RequestKey | null {
  if (request === null || lanes === 1) return request;
  return requestPart(request, `of ${lanes} ${lane}`);
}

/**
 * The id of one slice of what the request asks of this lane. It is remembered as a caller's own: a session has one
 * number for a request, and a session of its own for each slice would be too many.
 */
export function sliceRequest(
  request: RequestKey | null,
  lane: number,
  slice: number,
): RequestKey | null {
  if (request === null) return null;
  const part = `${lane} ${slice}`;
  if (request.kind === "caller") return requestPart(request, part);
  const { session, bootId, sequence } = request;
  return { kind: "caller", principal: `${bootId} ${session}`, id: `${sequence} ${part}` };
}
