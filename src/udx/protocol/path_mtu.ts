/**
 * How large a packet the path carries (in the manner of RFC 8899): 1200 bytes at first; then packets with
 * padding try out larger ones, a step at a time, and one that is acknowledged proves its size. A probe that
 * is lost says nothing of congestion. Sizes include the headers of IP and UDP.
 */
import { BOUNDS } from "./bounds.ts";

export class PathMtu {
  #mtuBytes: number = BOUNDS.mtuBaseBytes;
  #probeBytes: number = BOUNDS.mtuBaseBytes + BOUNDS.mtuStepBytes;
  #state: "unproven" | "searching" | "found" = "unproven";
  /** Probes of the size that is being tried. */
  #probes = 0;
  #inFlight = false;
  #outerBytes: number;

  constructor(family: 4 | 6) {
    this.#outerBytes = family === 4 ? BOUNDS.outerBytesV4 : BOUNDS.outerBytesV6;
  }

  get mtuBytes(): number {
    return this.#mtuBytes;
  }

  get payloadBytes(): number {
    return this.#mtuBytes - this.#outerBytes - BOUNDS.headerBytes;
  }

  /** @returns padding that makes a packet of this size the next probe, or 0 when none is due */
  probePadding(packetBytes: number): number {
    if (this.#state !== "searching" || this.#inFlight) return 0;
    const padding = this.#probeBytes - this.#outerBytes - packetBytes;
    if (padding <= 0 || padding > BOUNDS.paddingBytesMax) return 0;
    this.#probes++;
    this.#inFlight = true;
    return padding;
  }

  /** Anything was acknowledged: the path carries the base. */
  confirmBase(): void {
    if (this.#state === "unproven") this.#state = "searching";
  }

  /** @param sizeBytes of the probe, with all headers: one from before a change of remote proves nothing */
  probeArrived(sizeBytes: number): void {
    if (this.#state !== "searching" || sizeBytes !== this.#probeBytes) return;
    this.#inFlight = false;
    this.#probes = 0;
    this.#mtuBytes = sizeBytes;
    if (sizeBytes >= BOUNDS.mtuMaxBytes) this.#state = "found";
    this.#probeBytes = Math.min(sizeBytes + BOUNDS.mtuStepBytes, BOUNDS.mtuMaxBytes);
  }

  probeLost(): void {
    this.#inFlight = false;
    if (this.#state === "searching" && this.#probes >= BOUNDS.mtuProbesMax) this.#state = "found";
  }

  /** Whether a packet, with no padding, is larger than what every path is trusted to carry. */
  isLarge(packetBytes: number): boolean {
    return packetBytes + this.#outerBytes > BOUNDS.mtuBaseBytes;
  }

  /** The path no longer carries what it did. */
  fallBack(): void {
    this.#mtuBytes = BOUNDS.mtuBaseBytes;
    this.#state = "found";
  }

  sizeOf(packetBytes: number, paddingBytes: number): number {
    return packetBytes + paddingBytes + this.#outerBytes;
  }
}
