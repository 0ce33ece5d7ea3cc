/**
 * IP addresses as text: which family one is of, and the form that an IPv4 address has on a socket of IPv6.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";

const MAPPED_PREFIX = "::ffff:";

export { isIP, isIPv4, isIPv6 };

/** @throws {Error} when the text is no IP address */
export function familyOf(host: string): 4 | 6 {
  const family = isIP(host);
  if (family === 4 || family === 6) return family;
  throw new Error(`${host} is not a valid IP address`);
}

/** @throws {Error} when the number is no port that packets can be sent to */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return;
  throw new Error(`${port} is not a valid port`);
}

/** How a socket of IPv6 writes to an address of IPv4. */
export function mapToIPv6(host: string): string {
  return MAPPED_PREFIX + host;
}

/** The address of IPv4 that a socket of IPv6 shows as one of its own. */
export function unmap(host: string): string {
  if (!host.startsWith(MAPPED_PREFIX)) return host;
  const rest = host.slice(MAPPED_PREFIX.length);
  return isIPv4(rest) ? rest : host;
}
