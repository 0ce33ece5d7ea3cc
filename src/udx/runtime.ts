/**
 * What UDX needs of the world: time, timers, the end of a turn, UDP sockets, names and interfaces. Deno's is in
 * deno_runtime.ts; tests put a simulated network in its place.
 */

export interface RuntimeTimer {
  cancel(): void;
}

export interface DatagramAddress {
  readonly host: string;
  readonly port: number;
}

export interface DatagramPort {
  readonly address: DatagramAddress;
  /**
   * Hands a datagram to the network, which may lose it. Never throws: what cannot be sent is lost.
   * @param settled called when the bytes are no longer needed
   */
  send(packet: Uint8Array, to: DatagramAddress, settled?: (sent: boolean) => void): void;
  close(): void;
}

export interface NetworkInterface {
  readonly name: string;
  readonly host: string;
  readonly family: 4 | 6;
  readonly internal: boolean;
}

export interface Runtime {
  /** On a clock that never goes back. */
  nowMs(): number;
  timer(delayMs: number, fire: () => void): RuntimeTimer;
  /** Calls once what has already come to the process has been handed in, and before it waits for more. */
  turn(fire: () => void): void;
  /**
   * @param received a datagram's bytes, which belong to the receiver, and where it came from
   * @throws where the address is taken or not this machine's
   */
  openPort(
    address: DatagramAddress,
    reuseAddress: boolean,
    received: (packet: Uint8Array, host: string, port: number) => void,
  ): DatagramPort;
  lookup(host: string, family: 0 | 4 | 6): Promise<{ host: string; family: 4 | 6 }>;
  networkInterfaces(): NetworkInterface[];
}
