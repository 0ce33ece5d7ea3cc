/**
 * What every queue under test can do, each in the way that its own documentation recommends for throughput, so
 * that one set of loads measures them all. A system that lacks something says so by null.
 */
import type { SystemUnderTest } from "./suite.ts";

export interface QueueSystem extends SystemUnderTest {
  /** A queue of this name, empty, ready for clients. */
  open(topic: string): Promise<Topic>;
}

export interface Topic {
  /** Client `client` publishes one message a call; resolves when the system acknowledges it. */
  publisher(client: number): Promise<(body: string) => Promise<void>>;
  /** The same for many messages a call. */
  batchPublisher:
    | ((client: number) => Promise<(bodies: readonly string[]) => Promise<void>>)
    | null;
  /**
   * Consumes and acknowledges until it is stopped.
   * @param clients how many consumers
   * @param max messages that one asks for at a time; 1: one by one, each acknowledged by itself
   */
  consume: ((clients: number, max: number, told: Told) => Promise<Consumers>) | null;
  /** Drops what is left in it, and its clients' connections. */
  close(): Promise<void>;
}

/** What consumers say while they run. */
export interface Told {
  /** The message is here. */
  arrived(body: string): void;
  /** So many acknowledgements are answered; sent, where the system does not answer them. */
  acknowledged(count: number): void;
}

export interface Consumers {
  stop(): Promise<void>;
}
