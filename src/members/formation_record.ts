/**
 * What a peer must not forget about forming and joining: one property of the storage. An own plan
 * whose attempt is counted and which is neither held nor committed was aborted: that is how one
 * number remembers every abort for ever.
 */
import { assert } from "../assert.ts";
import { type FormationPlan, parsePlan } from "./plan.ts";
import { StorageForeignError } from "../storage/storage.ts";
import { isRecord } from "./member_info.ts";

/** The property's name in the storage. */
export const FORMATION_PROPERTY = "formation";

/** 1: without the partitions' first replicas. */
const FORMAT = 2;

export interface FormationRecord {
  /** How many plans this peer has proposed. */
  readonly attempts: number;
  readonly state: FormationState;
}

export type FormationState =
  | { readonly kind: "empty" }
  /** Accepted, or proposed by this peer; no outcome known here. */
  | { readonly kind: "held"; readonly plan: FormationPlan }
  | { readonly kind: "formed"; readonly plan: FormationPlan; readonly signature: Uint8Array }
  /** Tied to this cluster, which may or may not have added this peer yet. */
  | { readonly kind: "joining"; readonly clusterId: string }
  | { readonly kind: "joined"; readonly clusterId: string };

export const EMPTY_RECORD: FormationRecord = { attempts: 0, state: { kind: "empty" } };

/** The cluster that a record belongs to; null while there is none. */
export function clusterOf(record: FormationRecord): string | null {
  switch (record.state.kind) {
    case "formed":
      return record.state.plan.clusterId;
    case "joined":
      return record.state.clusterId;
    default:
      return null;
  }
}

export function encodeFormationRecord(record: FormationRecord): Uint8Array {
  const state = record.state.kind === "formed"
    ? { ...record.state, signature: toHex(record.state.signature) }
    : record.state;
  return new TextEncoder().encode(
    JSON.stringify({ format: FORMAT, attempts: record.attempts, state }),
  );
}

/**
 * @param bytes what the storage had; undefined for an empty store
 * @throws {StorageForeignError} when another version wrote it
 * @throws {AssertionError} when sound storage holds what this program never wrote
 */
export function decodeFormationRecord(bytes: Uint8Array | undefined): FormationRecord {
  if (bytes === undefined) return EMPTY_RECORD;
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  assert(isRecord(value), "the formation record has an unknown format");
  if (value.format !== FORMAT) {
    throw new StorageForeignError(
      `cannot open the store: its formation record has format ${value.format}, not ${FORMAT}: ` +
        "it is of another version of this program",
    );
  }
  const { attempts } = value;
  assert(typeof attempts === "number" && attempts >= 0, "the formation record lacks its attempts");
  return { attempts, state: decodeState(value.state) };
}

function decodeState(value: unknown): FormationState {
  assert(isRecord(value), "the formation record lacks its state");
  switch (value.kind) {
    case "empty":
      return { kind: "empty" };
    case "held":
      return { kind: "held", plan: storedPlan(value.plan) };
    case "formed":
      assert(typeof value.signature === "string", "a committed plan is signed");
      return {
        kind: "formed",
        plan: storedPlan(value.plan),
        signature: fromHex(value.signature),
      };
    case "joining":
    case "joined":
      assert(typeof value.clusterId === "string", "a joining peer knows its cluster");
      return { kind: value.kind, clusterId: value.clusterId };
    default:
      assert(false, `the formation record has an unknown state: ${String(value.kind)}`);
  }
}

function storedPlan(value: unknown): FormationPlan {
  const plan = parsePlan(value);
  assert(plan !== null, "the formation record holds a plan that is none");
  return plan;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(hex: string): Uint8Array {
  const pairs = hex.match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}
