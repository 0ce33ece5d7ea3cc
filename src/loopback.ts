/**
 * Which addresses only programs of this machine can reach, and which mean all that it has. On loopback no token is
 * required, and the listener is a faster one with fewer bounds: so whatever may be reachable from elsewhere counts as
 * reachable.
 */

/** Names are not looked up: all but `localhost` count as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Whether who listens there listens on all addresses of the machine: nobody can be told to dial it. */
export function isEveryAddress(host: string): boolean {
  return /^(?:[0.]+|[0:]+)$/.test(host);
}
