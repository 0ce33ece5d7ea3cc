/**
 * Which replicas here may lack what was committed before they came to be, or were brought back. What a replica
 * knows to be committed may be less than what was: only a leader can tell. A linearizable read, once, shows that
 * all of it is applied here.
 */
import { SkeinError } from "../errors.ts";
import type { Group } from "../groups/group.ts";

const ATTEMPT_MS = 5_000;

export interface CatchingUpEdges {
  /** See `Groups.readBarrier`. */
  barrier(group: number, timeoutMs: number): Promise<void>;
  /** Whether it is still one of this peer's, which has not ended. */
  isHere(group: Group): boolean;
  fatal(error: unknown): void;
}

export class CatchingUp {
  readonly #edges: CatchingUpEdges;
  readonly #behind = new Set<Group>();

  constructor(edges: CatchingUpEdges) {
    this.#edges = edges;
  }

  /** Whether every replica here has applied all that was committed when it came to be, or was brought back. */
  get isDone(): boolean {
    return this.#behind.size === 0;
  }

  /** A replica came to be, or was brought back. */
  begin(group: Group): void {
    this.#behind.add(group);
    this.#catchUp(group).catch((error) => this.#edges.fatal(error));
  }

  async #catchUp(group: Group): Promise<void> {
    // A replica can be asked once it is one of this peer's, which it is when this turn is over.
    await Promise.resolve();
    while (this.#edges.isHere(group)) {
      try {
        await this.#edges.barrier(group.id, ATTEMPT_MS);
        break;
      } catch (error) {
        if (!(error instanceof SkeinError)) throw error;
      }
    }
    this.#behind.delete(group);
  }
}
