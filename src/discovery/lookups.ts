/**
 * The questions of static discovery to the world: a name's addresses, and an admin endpoint's peer (`GET
 * /cluster/self`). Both reject when there is no good answer; an answer from the network is bounded and
 * checked before it is believed.
 */
import { lookup } from "node:dns/promises";
import type { Clock } from "../clock.ts";
import type { EndpointAnswer } from "./static.ts";

const ASK_TIMEOUT_MS = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const ADDRESSES_MAX = 16;
const PEER_ID = /^[0-9a-f]{64}$/;

/** @returns all IP addresses of a name, by the system's own resolver */
export async function lookUpAll(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/**
 * @param url e.g. `http://10.0.0.1:8001`
 * @param token for endpoints that want one; null: none
 */
export async function askEndpoint(
  url: string,
  token: string | null,
  clock: Clock,
): Promise<EndpointAnswer> {
  const controller = new AbortController();
  const timer = clock.timer(ASK_TIMEOUT_MS, () => controller.abort());
  try {
    const response = await fetch(`${url}/cluster/self`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: controller.signal,
    });
    const text = await readBounded(response);
    if (response.status !== 200) throw new Error(`it answered ${response.status}`);
    const answer = parseAnswer(text);
    if (answer === null) throw new Error("it did not say who it is");
    return answer;
  } finally {
    timer.cancel();
  }
}

/** The body as text, no longer than the bound. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error("its answer is too long");
    chunks.push(chunk);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

function parseAnswer(text: string): EndpointAnswer | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  const { id, addresses } = body as { id?: unknown; addresses?: unknown };
  if (typeof id !== "string" || !PEER_ID.test(id) || !Array.isArray(addresses)) return null;
  if (addresses.length > ADDRESSES_MAX) return null;
  if (!addresses.every((address) => typeof address === "string")) return null;
  return { id, addresses };
}
