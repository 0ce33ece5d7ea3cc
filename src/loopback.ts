/**
 * Which addresses only programs of this machine can reach. There no token is required, and the listener is
 * a faster one with fewer bounds: so whatever may be reachable from elsewhere counts as reachable.
 */

/** Names are not looked up: all but `localhost` count as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
