/**
 * Request ids of what a caller's request becomes several commands of: two of them may go to one group, and to its table of
 * request ids. A blank stands between what the caller gave and what is added: no caller's own id has one.
 */
import type { RequestKey } from "./groups.ts";

/** @param part tells it from the request's other parts */
export function requestPart(request: RequestKey, part: string | number): RequestKey {
  return request.kind === "caller"
    ? { ...request, id: `${request.id} ${part}` }
    : { ...request, session: `${request.session} ${part}` };
}
