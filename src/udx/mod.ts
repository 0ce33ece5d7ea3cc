/**
 * UDX in TypeScript: reliable, multiplexed streams with congestion control over UDP, compatible on the wire with
 * libudx, and with the interface of udx-native that Hyperswarm uses.
 */
export type { NetworkInterface, Runtime } from "./runtime.ts";
export { UDX } from "./udx.ts";
export { type UDXAddress, UDXSocket, type UDXSocketOptions } from "./udx_socket.ts";
export { type Firewall, UDXStream, type UDXStreamOptions } from "./udx_stream.ts";
