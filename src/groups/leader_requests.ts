/**
 * What a peer asks of the groups at another one, mostly of their leaders: the names of the requests and their form.
 * Proposals go by `forwarder.ts`.
 */

/** `[group]` → the index at which a read is linearizable. */
export const READ_METHOD = "group.read";
/** `[group]` → `[leader, term]` as the replica there knows it; the leader may be null. */
export const LOCATE_METHOD = "group.locate";
/** `[group, method, body, timeoutMs]` → what the handler of that method answers. */
export const ASK_METHOD = "group.ask";
/** `[group, expectedIndex, [[kind, peer], …], timeoutMs]` → null once it is committed. */
export const CONFIGURE_METHOD = "group.configure";
/** `[group, peer, timeoutMs]` → null once that peer leads. */
export const TRANSFER_METHOD = "group.transfer";
/** `[peer, [[group, replica], …]]` → the groups that have committed a configuration without that replica. */
export const FORGOTTEN_METHOD = "group.forgotten";
