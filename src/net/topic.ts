/**
 * Under which topic the peers of a cluster meet in a DHT: a keyed hash, apart from all others that are made of the
 * cluster key. The nodes of the DHT see the topic, and whoever asks there may follow it to the peers; it tells nothing
 * of a random key, and a guess at it can be checked, as with any hash.
 */
import { Buffer } from "node:buffer";
import { deriveProofKey } from "./proof.ts";
import { sodium } from "./sodium.ts";

const TOPIC_BYTES = 32;
const TOPIC_LABEL = Buffer.from("skein: swarm topic, version 1");

/**
 * @param clusterKey 16 to 256 bytes
 * @returns 32 bytes
 * @throws {RangeError} for a key of another length
 */
export function deriveTopic(clusterKey: Uint8Array): Uint8Array {
  const topic = Buffer.alloc(TOPIC_BYTES);
  sodium.crypto_generichash(topic, TOPIC_LABEL, Buffer.from(deriveProofKey(clusterKey)));
  return topic;
}
