/**
 * What peers and homes tell each other; each message names its partition and term, and messages of older terms are
 * refused on both sides. `PeerMessage`s go to a home, `HomeMessage`s to a peer; answers to a report, an ask and a renewal
 * go the way of answers. As they travel: `message_codec.ts`.
 */
import type { SkeinError } from "../errors.ts";
import type { Reported } from "./inventory.ts";
import type { Content, Wish, Written } from "./line.ts";
import type { Keeps } from "./line_events.ts";
import type { Grant, Version } from "./version.ts";

/** Which partition's home of which term is meant, or speaks. */
export interface Address {
  readonly partition: number;
  readonly term: number;
}

export interface KeyAddress extends Address {
  readonly key: string;
}

/**
 * The peer's inventory: all its lines of the partition. Answered with `Leased`; by a home of a newer term with a
 * `Renewed` that says so.
 */
export interface ReportMessage extends Address {
  readonly kind: "report";
  /** The peer's own number, from 1: whoever finds it in an answer counts its lease from sending this one. */
  readonly serial: number;
  readonly lines: readonly { readonly key: string; readonly line: Reported }[];
}

/**
 * One frame renews all leases with one home. Answered with `Renewed`, one for each that the receiver is the home of:
 * in its own term, whatever term is named. Who does not know the term names 0.
 */
export interface RenewMessage {
  readonly kind: "renew";
  /** As that of a report. */
  readonly serial: number;
  readonly leases: readonly (Address & { readonly session: number })[];
}

export interface AskMessage extends KeyAddress {
  readonly kind: "ask";
  readonly session: number;
  readonly request: number;
  readonly wish: Wish;
  readonly holds: Grant | null;
}

export interface AcknowledgeMessage extends KeyAddress {
  readonly kind: "acknowledge";
  readonly grant: Grant;
  readonly kept: boolean;
  readonly held: boolean;
  readonly dirty: Written | null;
}

export interface WriteBackMessage extends KeyAddress {
  readonly kind: "writeBack";
  readonly session: number;
  readonly grant: Grant;
  readonly keeps: Keeps;
  readonly content: Written;
}

export interface DroppedMessage extends KeyAddress {
  readonly kind: "dropped";
  readonly grant: Grant;
}

export type PeerMessage =
  | ReportMessage
  | RenewMessage
  | AskMessage
  | AcknowledgeMessage
  | WriteBackMessage
  | DroppedMessage;

/** What became of a line of the inventory, or of a write-back. */
export interface ConfirmedMessage extends KeyAddress {
  readonly kind: "confirmed";
  readonly grant: Grant;
  readonly version: Version;
}

export interface RefusedMessage extends KeyAddress {
  readonly kind: "refused";
  readonly grant: Grant;
  readonly version: Version | null;
}

export interface RecallMessage extends KeyAddress {
  readonly kind: "recall";
  readonly grant: Grant;
  readonly to: "S" | "I";
}

export interface GrantedMessage extends KeyAddress {
  readonly kind: "granted";
  readonly request: number;
  readonly grant: Grant;
  readonly state: "S" | "E";
  /** Null: what the Shared line has, is current. */
  readonly content: Content | null;
}

/** The home grants nothing to this request. */
export interface DeniedMessage extends KeyAddress {
  readonly kind: "denied";
  readonly request: number;
  /** Null: it lets nobody write further keys, because its partition is full. */
  readonly error: SkeinError | null;
}

/** What was written to the key cannot be committed for now. It is tried again. */
export interface DelayedMessage extends KeyAddress {
  readonly kind: "delayed";
  readonly error: SkeinError;
}

export interface LeasedMessage extends Address {
  readonly kind: "leased";
  /** Of the report that it answers. */
  readonly serial: number;
  readonly session: number;
  readonly isRebuilt: boolean;
  /** Group time at the home. */
  readonly timeMs: number;
  readonly outcomes: readonly (ConfirmedMessage | RefusedMessage)[];
}

/** Also how a home makes itself known to whoever speaks to an older one, and to lease holders of older terms. */
export interface RenewedMessage extends Address {
  readonly kind: "renewed";
  /** Of what it answers; 0: of nothing. */
  readonly serial: number;
  readonly session: number;
  /** False: the peer has no such lease, and must report. */
  readonly isLeased: boolean;
  /** Once it is, a peer that reported before reports again. */
  readonly isRebuilt: boolean;
  /** Group time at the home. */
  readonly timeMs: number;
}

export type HomeMessage =
  | ConfirmedMessage
  | RefusedMessage
  | RecallMessage
  | GrantedMessage
  | DeniedMessage
  | DelayedMessage
  | LeasedMessage
  | RenewedMessage;

export type CacheMessage = PeerMessage | HomeMessage;

/** The ones that are about one key. */
export type KeyMessage = Extract<CacheMessage, KeyAddress>;
