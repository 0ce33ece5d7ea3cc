/**
 * What HTTPS is served with. Whether a pair can be used is asked of the runtime that will serve it: node's
 * servers take any and then fail every handshake.
 */
import { X509Certificate } from "node:crypto";

export interface TlsPair {
  /** PEM: the certificate, and behind it those that lead to its authority. */
  readonly cert: string;
  /** PEM: the certificate's private key, not encrypted. */
  readonly key: string;
}

/** A pair that nothing can be served with. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}

/** @throws {TlsError} where the runtime can not serve with it; says why */
export function requireUsable({ cert, key }: TlsPair): void {
  try {
    // Any free port, for the moment that it takes: nothing else reads a pair the way serving does.
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
  } catch (error) {
    const reason = (error as Error).message;
    const words = reason.includes("KeyMismatch")
      ? "the key is another certificate's"
      : reason.replace(/^(?:unexpected|invalid peer) (?:error|certificate): /, "");
    throw new TlsError(`certificate and key cannot be served with: ${words}`);
  }
}

export interface Certificate {
  readonly subject: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** Whose certificate it is, and how long it is good; null where it is in a form that is not known here. */
export function describeCertificate({ cert }: TlsPair): Certificate | null {
  try {
    const { subject, validFrom, validTo } = new X509Certificate(cert);
    const dates = { validFromMs: Date.parse(validFrom), validToMs: Date.parse(validTo) };
    return { subject: subject.trim().replaceAll(/\s*\n\s*/g, ", "), ...dates };
  } catch {
    return null;
  }
}

/** What clients will refuse it for at this time; null: nothing. */
export function validityWarning(tls: TlsPair, nowMs: number): string | null {
  const certificate = describeCertificate(tls);
  if (certificate === null) return null;
  const { subject, validFromMs, validToMs } = certificate;
  const said = (what: string, atMs: number) =>
    `the certificate of ${subject} ${what} ${new Date(atMs).toISOString()}`;
  if (nowMs < validFromMs) return said("is not valid before", validFromMs);
  return nowMs > validToMs ? said("ended at", validToMs) : null;
}
