/**
 * Which connection of a pair of peers is used, when both dialled at once, when one was restarted, or when one
 * lost a connection that the other still believes in. If each side judged for itself, each could close
 * the one that the other keeps. So one side decides, the lower identity, and the other follows: a
 * connection comes into use when the lower identity sends its hello on it.
 *
 * Nothing is sent on a candidate, so no message is lost or doubled by the choice.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Connection } from "./connection.ts";

/** How long the connection in use may take to answer the ping of rule 4. */
const PROBE_MS = 1_000;

/**
 * The rules of the lower identity, for a new candidate:
 * 1. None is in use: take it; but where the other side dialled and a dial of our own has already reached
 *    that same peer, wait for ours (so of two simultaneous ones the lower identity's stays).
 * 2. The one in use leads to an earlier process of that peer, or goes through the swarm where the new one is TCP:
 *    replace it. What is on its way then is lost as with any connection that breaks.
 * 3. The other side says that it has a connection in use: the candidate is superfluous, close it.
 * 4. The other side says that it has none. Either that crossed our hello, or it lost what we still
 *    believe in. Ping the one in use: an answer closes the candidate, silence replaces the one in use.
 */
export class Pairing {
  readonly #clock: Clock;
  readonly #decides: boolean;
  readonly #take: (connection: Connection) => void;
  readonly #candidates = new Set<Connection>();
  #current: Connection | null = null;
  #ownHandshakes = 0;
  #probe: Timer | null = null;

  /**
   * @param decides whether this side has the lower identity
   * @param take begins the use of a connection; called on the deciding side only
   */
  constructor(clock: Clock, decides: boolean, take: (connection: Connection) => void) {
    this.#clock = clock;
    this.#decides = decides;
    this.#take = take;
  }

  /** The connection in use, or about to be. */
  get current(): Connection | null {
    return this.#current;
  }

  /** Nothing is left to decide or to remember. */
  get isEmpty(): boolean {
    return this.#current === null && this.#candidates.size === 0 && this.#ownHandshakes === 0;
  }

  get connections(): readonly Connection[] {
    return this.#current === null ? [...this.#candidates] : [this.#current, ...this.#candidates];
  }

  /** A dial of ours reached this peer; its handshake goes on. */
  ownHandshakeBegan(): void {
    this.#ownHandshakes++;
  }

  /** That handshake is over. Where it succeeded, `add` was called before. */
  ownHandshakeEnded(): void {
    this.#ownHandshakes--;
    this.#decide();
  }

  /** A new candidate. */
  add(connection: Connection): void {
    this.#candidates.add(connection);
    this.#decide();
  }

  /** The deciding side chose this connection. The former one, if any, is replaced. */
  follow(connection: Connection): void {
    const former = this.#current;
    this.#candidates.delete(connection);
    this.#current = connection;
    former?.close("replaced by a newer connection");
  }

  /** The connection in use answered a ping. */
  answered(connection: Connection): void {
    if (connection !== this.#current || this.#probe === null) return;
    this.#endProbe();
    for (const candidate of [...this.#candidates]) {
      if (candidate.instance === connection.instance) candidate.close("superfluous");
    }
  }

  /** The connection is closed, whoever closed it. */
  remove(connection: Connection): void {
    this.#candidates.delete(connection);
    if (this.#current === connection) {
      this.#current = null;
      this.#endProbe();
    }
    this.#decide();
  }

  close(): void {
    this.#endProbe();
  }

  #decide(): void {
    if (!this.#decides) return;
    for (const candidate of this.#inOrder()) {
      if (!this.#candidates.has(candidate)) continue;
      if (this.#current === null) {
        if (candidate.isInitiator || this.#ownHandshakes === 0) this.#choose(candidate);
      } else if (this.#current.instance !== candidate.instance) {
        this.#replaceBy(candidate, "the other side was restarted");
      } else if (candidate.way === "tcp" && this.#current.way === "swarm") {
        this.#replaceBy(candidate, "it can be dialled now");
      } else if (candidate.remoteIsConnected) {
        candidate.close("superfluous");
      } else {
        this.#beginProbe();
      }
    }
  }

  /** The candidates, TCP before the swarm. */
  #inOrder(): readonly Connection[] {
    const all = [...this.#candidates];
    return [...all.filter(({ way }) => way === "tcp"), ...all.filter(({ way }) => way === "swarm")];
  }

  #choose(candidate: Connection): void {
    this.#candidates.delete(candidate);
    this.#current = candidate;
    this.#take(candidate);
  }

  #replaceBy(candidate: Connection, reason: string): void {
    const former = this.#current!;
    this.#endProbe();
    this.#choose(candidate);
    former.close(reason);
  }

  #beginProbe(): void {
    if (this.#probe !== null) return;
    const probed = this.#current!;
    probed.ping(this.#clock.monotonicMs());
    this.#probe = this.#clock.timer(PROBE_MS, () => {
      this.#probe = null;
      probed.close("silent while the other side connected anew");
    });
  }

  #endProbe(): void {
    this.#probe?.cancel();
    this.#probe = null;
  }
}
