/**
 * The events of one publish command, packed: their identities behind each other, and their bytes behind each other. Both
 * go as they are to the log, the other replicas and the value files, and cost no object an event.
 */
import { LIMITS } from "../limits.ts";
import { IDENTITY_BYTES, writeIdentity } from "./identity.ts";
import { endOfEvent, type EventContent, sizeAtMost, writeEvent } from "./stored_event.ts";

export interface PackedEvents {
  readonly count: number;
  readonly identities: Uint8Array;
  readonly bodies: Uint8Array;
}

/** @param events at least one, within their bounds */
export function packEvents(events: readonly EventContent[]): PackedEvents {
  let bytesMax = 0;
  for (const event of events) bytesMax += sizeAtMost(event);
  const bodies = new Uint8Array(bytesMax);
  const identities = new Uint8Array(IDENTITY_BYTES * events.length);
  let at = 0;
  for (let place = 0; place < events.length; place++) {
    const { idAt, idEnd, end } = writeEvent(bodies, at, events[place]!);
    writeIdentity(identities, place, bodies, idAt, idEnd);
    at = end;
  }
  return { count: events.length, identities, bodies: bodies.subarray(0, at) };
}

/** @param parts at least one @returns the events of all, in order */
export function joinEvents(parts: readonly PackedEvents[]): PackedEvents {
  if (parts.length === 1) return parts[0]!;
  return {
    count: parts.reduce((count, part) => count + part.count, 0),
    identities: joinBytes(parts.map(({ identities }) => identities)),
    bodies: joinBytes(parts.map(({ bodies }) => bodies)),
  };
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @returns null for what does not fit together, or is out of its bounds */
export function decodeEvents(identities: unknown, bodies: unknown): PackedEvents | null {
  if (!(identities instanceof Uint8Array) || !(bodies instanceof Uint8Array)) return null;
  const count = identities.length / IDENTITY_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > LIMITS.eventBatchMax) return null;
  let at = 0;
  for (let place = 0; place < count; place++) at = endOfEvent(bodies, at);
  return at === bodies.length ? { count, identities, bodies } : null;
}
