/**
 * What the log says of changes of placement: a line when a replica begins to be built, since that may take a
 * while, and one for whatever is done.
 */
import type { PeerId } from "../raft/entry.ts";
import type { PlacementAction } from "./decide.ts";

export interface MoveWords {
  /** For when it begins, and for when it is done; null: not worth a line. */
  readonly begins: string | null;
  readonly done: string | null;
  /** For when it fails. */
  readonly attempt: string;
}

/** @param nameOf how people know a peer */
export function wordsOf(
  partition: number,
  action: PlacementAction,
  nameOf: (peer: PeerId) => string,
): MoveWords {
  const line = (text: string) => `partition ${partition}: ${text}`;
  switch (action.kind) {
    case "begin": {
      const to = nameOf(action.to);
      const text = line(
        action.from === null
          ? `adding a replica on ${to}`
          : `moving from ${nameOf(action.from)} to ${to}`,
      );
      return { begins: text, done: null, attempt: text };
    }
    case "complete": {
      const to = nameOf(action.to);
      const from = action.from === null ? null : nameOf(action.from);
      return {
        begins: null,
        done: line(from === null ? `added a replica on ${to}` : `moved from ${from} to ${to}`),
        attempt: line(
          from === null ? `giving ${to} a vote` : `giving the vote of ${from} to ${to}`,
        ),
      };
    }
    case "drop": {
      const peer = nameOf(action.peer);
      return {
        begins: null,
        done: line(`removed the replica on ${peer}`),
        attempt: line(`removing the replica on ${peer}`),
      };
    }
    case "lead": {
      const to = nameOf(action.to);
      return {
        begins: null,
        done: line(`${to} leads now, as the ring prefers`),
        attempt: line(`handing leadership to ${to}`),
      };
    }
  }
}
