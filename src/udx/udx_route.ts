/**
 * Where a stream's packets go: through which socket, to which address. What the protocol hands back with each
 * packet.
 */
import type { Route } from "./protocol/stream_output.ts";
import type { DatagramAddress } from "./runtime.ts";
import type { UDXSocket } from "./udx_socket.ts";

export interface UDXRoute extends Route {
  readonly socket: UDXSocket;
  /** As the socket's family has it. */
  readonly to: DatagramAddress;
}
