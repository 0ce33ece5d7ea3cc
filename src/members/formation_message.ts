/**
 * What forming peers say to each other. Each message stands alone and may be lost, repeated or
 * overtaken: whoever needs an answer asks again. A sender is authenticated by the transport; commit and
 * abort are signed by the proposer besides, because they bind whoever holds its plan.
 */
import { isRecord } from "./member_info.ts";
import { type FormationPlan, parsePlan, parsePlanName, type PlanName } from "./plan.ts";

export type FormationMessage =
  /** Only from its proposer. */
  | { readonly kind: "plan"; readonly plan: FormationPlan }
  /** The sender holds this plan durably; repeated, it asks for the outcome. */
  | { readonly kind: "accepted"; readonly plan: PlanName }
  | {
    readonly kind: "refused";
    readonly plan: PlanName;
    readonly reason: string;
    /** The plan that the sender holds instead, if that is why. */
    readonly holding: PlanName | null;
  }
  | { readonly kind: "abort"; readonly plan: PlanName; readonly signature: Uint8Array }
  | { readonly kind: "commit"; readonly plan: FormationPlan; readonly signature: Uint8Array }
  /** The sender's groups have begun: they can be called to vote. */
  | { readonly kind: "committed"; readonly plan: PlanName };

export type FormationMessageKind = FormationMessage["kind"];

const REASON_LENGTH_MAX = 256;
const SIGNATURE_BYTES = 64;

/**
 * @param kind which message the sender says it is
 * @param body its other fields, as they came
 * @returns null for what is no message
 */
export function parseFormationMessage(kind: string, body: unknown): FormationMessage | null {
  if (!isRecord(body)) return null;
  switch (kind) {
    case "plan": {
      const plan = parsePlan(body.plan);
      return plan === null ? null : { kind, plan };
    }
    case "accepted":
    case "committed": {
      const plan = parsePlanName(body.plan);
      return plan === null ? null : { kind, plan };
    }
    case "refused":
      return parseRefused(body);
    case "abort": {
      const plan = parsePlanName(body.plan);
      const signature = parseSignature(body.signature);
      return plan === null || signature === null ? null : { kind, plan, signature };
    }
    case "commit": {
      const plan = parsePlan(body.plan);
      const signature = parseSignature(body.signature);
      return plan === null || signature === null ? null : { kind, plan, signature };
    }
    default:
      return null;
  }
}

function parseRefused(body: Record<string, unknown>): FormationMessage | null {
  const plan = parsePlanName(body.plan);
  const holding = body.holding === null ? null : parsePlanName(body.holding);
  if (plan === null || (holding === null && body.holding !== null)) return null;
  if (typeof body.reason !== "string" || body.reason.length > REASON_LENGTH_MAX) return null;
  return { kind: "refused", plan, reason: body.reason, holding };
}

function parseSignature(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array && value.length === SIGNATURE_BYTES ? value : null;
}
