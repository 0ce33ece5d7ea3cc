/**
 * Addresses of peers as people write them: `host:port`, and `[::1]:port` for IPv6. One form per
 * address, so that two spellings compare equal. What is no address is null, never an exception.
 */

export interface Address {
  /** A name or an IP address, without brackets, in lower case. */
  readonly host: string;
  readonly port: number;
}

const PATTERN = /^(?:\[([0-9a-f.]*:[0-9a-f:.]*(?:%[\w.-]+)?)\]|([^\s:/[\]@]+)):(\d{1,5})$/i;

/** @param text e.g. `peer-1:7001` */
export function parseAddress(text: string): Address | null {
  const match = PATTERN.exec(text.trim());
  if (match === null) return null;
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) return null;
  return { host: (match[1] ?? match[2]!).toLowerCase(), port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
