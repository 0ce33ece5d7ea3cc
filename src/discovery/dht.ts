/**
 * A DHT of one's own: a few nodes in this process, the first of which peers ask for each other. They keep what they are
 * told in memory, and for twenty minutes at most; peers tell them again every few seconds.
 */
import "./no_udx_native.ts";
import HyperDHT from "hyperdht";
import { type Address, formatAddress } from "../codec/address.ts";
import { UDX, type UDXSocket, type UDXSocketOptions } from "../udx/mod.ts";

export interface DhtOptions {
  /** An IPv4 address of this machine, 0.0.0.0 for all, and the first of four ports; port 0: any that are free. */
  readonly listen: Address;
  /** The IPv4 address that peers reach it by: nodes are known by it, so it must be the one that they see. */
  readonly host: string;
}

export interface OwnDht {
  /** Where peers reach its first node. */
  readonly address: Address;
  close(): Promise<void>;
}

interface Dht {
  fullyBootstrapped(): Promise<void>;
  /** Rejects after some seconds without an answer. */
  ping(node: Address): Promise<unknown>;
  destroy(): Promise<void>;
}

interface DhtClass {
  /** A node that needs no other, and believes that it is reached by this address. */
  bootstrapper(port: number, host: string, options: Readonly<Record<string, unknown>>): Dht;
}

/**
 * How many nodes there are. A peer learns from what three of them see of it whether it is behind a NAT, and of which
 * kind: with fewer it cannot be reached through one.
 */
export const DHT_NODES = 4;

/** The nodes do not reach each other by the address that others are told. */
export class DhtUnreachableError extends Error {
  override readonly name = "DhtUnreachableError";
}

/**
 * @throws {DhtUnreachableError} by rejection, some seconds later, where it does not reach itself by the address
 * @throws {Error} by rejection where it cannot listen there
 */
export async function openDht({ listen, host }: DhtOptions): Promise<OwnDht> {
  const nodes: Dht[] = [];
  const close = async () => void await Promise.all(nodes.map((node) => node.destroy()));
  let first: Address | null = null;
  try {
    for (let at = 0; at < DHT_NODES; at++) {
      const port = listen.port === 0 ? 0 : listen.port + at;
      const udx = new ListeningUDX({ host: listen.host, port });
      const node = (HyperDHT as unknown as DhtClass).bootstrapper(udx.port, host, {
        udx,
        host: listen.host,
        anyPort: false,
        bootstrap: first === null ? [] : [first],
      });
      nodes.push(node);
      if (first !== null) await reach(node, first);
      await node.fullyBootstrapped();
      first ??= { host, port: udx.port };
    }
    return { address: first!, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function reach(node: Dht, first: Address): Promise<void> {
  try {
    await node.ping(first);
  } catch (error) {
    const message = `nothing answers at ${formatAddress(first)}, where it should be reached itself`;
    throw new DhtUnreachableError(message, { cause: error });
  }
}

/** A node must be told its port before it listens; so its first socket, which is where it listens, is there before it. */
class ListeningUDX extends UDX {
  readonly port: number;
  #listening: UDXSocket | null;

  /** @throws {Error} where it cannot listen there */
  constructor({ host, port }: Address) {
    super();
    this.#listening = super.createSocket();
    this.#listening.bind(port, host);
    this.port = this.#listening.address()!.port;
  }

  override createSocket(options?: UDXSocketOptions): UDXSocket {
    const listening = this.#listening;
    this.#listening = null;
    return listening ?? super.createSocket(options);
  }
}
