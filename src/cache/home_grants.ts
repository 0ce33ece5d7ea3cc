/**
 * What one home sends to whom it grants a line: what is committed, at once where that is at hand. Where it has to be
 * fetched, it is sent only while nothing was granted after it.
 */
import { SkeinError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Backing } from "./backing.ts";
import type { EntryEffect } from "./directory_entry.ts";
import type { HomeChanges } from "./home_changes.ts";
import type { HomeDirectory } from "./home_directory.ts";
import type { HomeLetters } from "./home_letters.ts";
import type { Content } from "./line.ts";
import { sameGrant } from "./version.ts";

type GrantEffect = EntryEffect & { readonly kind: "grant" };

export interface HomeGrantsEdges {
  readonly group: number;
  readonly backing: Backing;
  readonly directory: HomeDirectory;
  readonly letters: HomeLetters;
  readonly changes: HomeChanges;
  readonly logger: Logger;
  /** Whether the home lease lasts. */
  mayGrant(): boolean;
  /** Runs what was waited for, unless the home is over. */
  later(work: () => void): void;
}

export class HomeGrants {
  readonly #edges: HomeGrantsEdges;

  constructor(edges: HomeGrantsEdges) {
    this.#edges = edges;
  }

  grant(key: string, effect: GrantEffect): void {
    if (!effect.withContent) return this.#send(key, effect, null);
    const content = this.#edges.backing.content(key);
    if (!(content instanceof Promise)) return this.#send(key, effect, content);
    content.then(
      (read) => this.#edges.later(() => this.#read(key, effect, read)),
      (error) => this.#edges.later(() => this.#notRead(key, effect, error)),
    );
  }

  #send(key: string, { peer, request, grant, state }: GrantEffect, content: Content | null): void {
    const { letters } = this.#edges;
    letters.send(peer, { kind: "granted", ...letters.at(key), request, grant, state, content });
  }

  #read(key: string, effect: GrantEffect, read: Content | null): void {
    // Only while nothing was granted after it, which may have been written.
    const holders = this.#edges.directory.entry(key)?.holders ?? [];
    const isHeld = holders.some((one) => {
      return one.peer === effect.peer && sameGrant(one.grant, effect.grant);
    });
    if (read !== null && isHeld && this.#edges.mayGrant()) this.#send(key, effect, read);
  }

  /** What was granted cannot be had: nobody holds it by that. */
  #notRead(key: string, { peer, request, grant }: GrantEffect, error: unknown): void {
    const { directory, changes, logger, group } = this.#edges;
    if (!(error instanceof SkeinError)) {
      const message = `a value of the cache cannot be read: ${String(error)}`;
      return logger.log("error", message, { group });
    }
    const none = { kept: false, held: false, dirty: null };
    directory.step(key, { kind: "acknowledged", peer, grant, ...none });
    changes.deny(peer, key, request, error);
  }
}
