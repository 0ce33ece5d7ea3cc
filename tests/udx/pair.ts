/** Two actors with a stream between them, and how much time the test may take. */
import { Actor, type Side } from "./actor.ts";

export interface Pair {
  readonly left: Actor;
  readonly right: Actor;
  readonly leftPort: number;
  readonly rightPort: number;
}

export const LEFT_ID = 11;
export const RIGHT_ID = 22;

/** Starts both, with a socket each. */
export async function openPair(left: Side, right: Side): Promise<Pair> {
  const pair = { left: new Actor(left), right: new Actor(right) };
  const [{ port: leftPort }, { port: rightPort }] = await Promise.all([
    pair.left.call("socket", { name: "main" }),
    pair.right.call("socket", { name: "main" }),
  ]);
  return { ...pair, leftPort, rightPort };
}

/** Makes a stream on each side and connects them, through stand-ins of the ports where there are some. */
export async function connectPair(
  { left, right, leftPort, rightPort }: Pair,
  { leftTo = rightPort, rightTo = leftPort, secret = false }: {
    readonly leftTo?: number;
    readonly rightTo?: number;
    readonly secret?: boolean;
  } = {},
): Promise<void> {
  const secrets = secret ? ["initiator", "responder"] : [null, null];
  // The original reads what is framed in frames, which only the secret stream writes.
  await right.call("stream", { id: RIGHT_ID, framed: secret });
  await left.call("stream", { id: LEFT_ID, framed: secret });
  await right.call("connect", {
    id: RIGHT_ID,
    socket: "main",
    remoteId: LEFT_ID,
    port: rightTo,
    secret: secrets[1],
  });
  await left.call("connect", {
    id: LEFT_ID,
    socket: "main",
    remoteId: RIGHT_ID,
    port: leftTo,
    secret: secrets[0],
  });
}

/** Closes both whatever happens. */
export async function withPair(
  left: Side,
  right: Side,
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const pair = await openPair(left, right);
  try {
    await use(pair);
  } finally {
    await Promise.all([pair.left.close(), pair.right.close()]);
  }
}
