/** Whether only programs of this machine can reach an address. A name counts as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
