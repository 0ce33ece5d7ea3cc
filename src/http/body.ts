/**
 * Reads a request's body once, within its bounds: so many bytes, so much time, so deeply nested, valid
 * UTF-8, JSON, an object. A body with a length is read in one piece (the length was checked first, and
 * the server hands out no byte past it); one without is read chunk by chunk and given up at the bound.
 *
 * The time bound has no timer a request: one coarse timer looks at all bodies that are on their way.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface BodyBounds {
  readonly bodyBytesMax: number;
  readonly bodyTimeoutMs: number;
  readonly clock: Clock;
}

export interface JsonBody {
  readonly object: Record<string, unknown>;
  readonly bytes: Uint8Array;
}

export interface JsonListBody {
  readonly value: Record<string, unknown> | readonly unknown[];
  readonly bytes: Uint8Array;
}

/** The body was not read to its end, so nothing more can come over its connection. */
export class UnreadBodyError extends SkeinError {}

type GiveUp = (error: SkeinError) => void;

export class BodyReader {
  readonly #bounds: BodyBounds;
  /** Bodies on their way: those that came since the last sweep, and those that it found already. */
  #young = new Set<GiveUp>();
  #old = new Set<GiveUp>();
  #sweep: Timer | null = null;

  constructor(bounds: BodyBounds) {
    this.#bounds = bounds;
  }

  /**
   * @returns the body, which is a JSON object; its values are not validated yet
   * @throws {SkeinError} by rejection: BAD_REQUEST, PAYLOAD_TOO_LARGE
   */
  async readObject(request: Request): Promise<Record<string, unknown>> {
    return (await this.readJson(request)).object;
  }

  /** As `readObject`, with the bytes that the object was made of. */
  async readJson(request: Request): Promise<JsonBody> {
    const bytes = await this.#readBytes(request);
    return { object: parseObject(bytes), bytes };
  }

  /** As `readJson`, of a body that may be an array as well. */
  async readJsonOrList(request: Request): Promise<JsonListBody> {
    const bytes = await this.#readBytes(request);
    return { value: parseContainer(bytes), bytes };
  }

  async #readBytes(request: Request): Promise<Uint8Array> {
    const bytes = await this.#read(request);
    return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  }

  #read(request: Request): Promise<Uint8Array | ArrayBuffer> {
    const lengthHeader = request.headers.get("content-length");
    if (lengthHeader === null) {
      if (request.body === null) return Promise.reject(emptyBody());
      return this.#withinTime(readChunks(request.body, this.#bounds.bodyBytesMax));
    }
    if (Number(lengthHeader) > this.#bounds.bodyBytesMax) {
      return Promise.reject(tooLarge(this.#bounds.bodyBytesMax));
    }
    // Not bytes(): the request of @hono/node-server has only the older methods.
    return this.#withinTime(request.arrayBuffer());
  }

  /** Rejects when the body is late (after one to two times the bound) or its sender went away. */
  #withinTime(reading: Promise<Uint8Array | ArrayBuffer>): Promise<Uint8Array | ArrayBuffer> {
    return new Promise((resolve, reject) => {
      const generation = this.#young;
      generation.add(reject);
      this.#sweep ??= this.#startSweep();
      reading.then((bytes) => {
        generation.delete(reject);
        resolve(bytes);
      }, (cause) => {
        generation.delete(reject);
        reject(
          cause instanceof SkeinError ? cause : new SkeinError(
            "BAD_REQUEST",
            "the body could not be read to its end",
          ),
        );
      });
    });
  }

  #startSweep(): Timer {
    const { bodyTimeoutMs, clock } = this.#bounds;
    return clock.timer(bodyTimeoutMs, () => {
      for (const giveUp of this.#old) {
        giveUp(
          new UnreadBodyError("BAD_REQUEST", `the body did not arrive within ${bodyTimeoutMs} ms`),
        );
      }
      this.#old = this.#young;
      this.#young = new Set();
      this.#sweep = this.#old.size > 0 ? this.#startSweep() : null;
    });
  }

  /** Ends the timer. Bodies that are still on their way end with their connections. */
  close(): void {
    this.#sweep?.cancel();
  }
}

async function readChunks(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const NO_OBJECT = "the body is JSON, but not an object";

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  const value = parseContainer(bytes);
  if (!Array.isArray(value)) return value as Record<string, unknown>;
  throw new SkeinError("BAD_REQUEST", NO_OBJECT);
}

function parseContainer(bytes: Uint8Array): Record<string, unknown> | readonly unknown[] {
  if (bytes.byteLength === 0) throw emptyBody();
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch {
    throw new SkeinError("BAD_REQUEST", "the body is not JSON in UTF-8");
  }
  if (typeof value !== "object" || value === null) throw new SkeinError("BAD_REQUEST", NO_OBJECT);
  if (isNestedDeeper(value, LIMITS.bodyDepthMax)) {
    throw new SkeinError("BAD_REQUEST", `the body is nested deeper than ${LIMITS.bodyDepthMax}`);
  }
  return value as Record<string, unknown>;
}

/** Level by level instead of by recursion, because a hostile body may be half a million deep. */
function isNestedDeeper(root: object, depthMax: number): boolean {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > depthMax) return true;
    const next: object[] = [];
    for (const container of level) addContainers(container, next);
    level = next;
  }
  return false;
}

/** Adds the objects and arrays that lie directly in one. An array's keys would be texts, which cost more than it. */
function addContainers(container: object, found: object[]): void {
  if (Array.isArray(container)) {
    for (const child of container) {
      if (typeof child === "object" && child !== null) found.push(child);
    }
    return;
  }
  for (const key in container) {
    const child: unknown = (container as Record<string, unknown>)[key];
    if (typeof child === "object" && child !== null) found.push(child);
  }
}

function emptyBody(): SkeinError {
  return new SkeinError("BAD_REQUEST", "the body is empty; a JSON object is needed");
}

function tooLarge(bytesMax: number): SkeinError {
  return new UnreadBodyError("PAYLOAD_TOO_LARGE", `the body is larger than ${bytesMax} bytes`);
}
