/**
 * Finds out beforehand, or afterwards for a clearer word, which address another process holds. The answer is only
 * true at that moment: whoever listens next may still be refused.
 */
import { type Address, formatAddress, type HttpAddress } from "../config/mod.ts";
import { AddressInUseError } from "./failure.ts";

/**
 * @param addresses where something is about to listen; port 0 is always free
 * @throws {AddressInUseError} naming the first address that is taken
 */
export function requireFree(addresses: readonly Address[]): void {
  for (const address of addresses) {
    if (probe(address) === "taken") {
      throw new AddressInUseError(
        `cannot listen on ${
          formatAddress(address)
        }: port ${address.port} is in use by another process`,
      );
    }
  }
}

/** Whether an address could be listened on: `absent` where this machine does not have it. */
export function probe({ host, port }: Address): "free" | "taken" | "absent" {
  if (port === 0) return "free";
  try {
    Deno.listen({ hostname: host, port }).close();
    return "free";
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse ? "taken" : "absent";
  }
}

/** An address that cannot be listened on, and why. */
export interface RefusedAddress {
  readonly address: HttpAddress;
  readonly reason: string;
}

/**
 * Listens on all of them, for a moment.
 * @param addresses optional ones may be absent
 */
export function tryListening(addresses: readonly HttpAddress[]): RefusedAddress[] {
  const held: { readonly port: number; close(): void }[] = [];
  const refused = addresses.flatMap((address) => {
    const { host, port, optional } = address;
    try {
      const listener = Deno.listen({ hostname: host, port });
      held.push({ port, close: () => listener.close() });
      return [];
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) {
        return optional ? [] : [{ address, reason: (error as Error).message }];
      }
      const own = held.some((other) => other.port === port);
      const holder = own ? "another address of this peer" : "another process";
      return [{ address, reason: `port ${port} is in use by ${holder}` }];
    }
  });
  for (const listener of held) listener.close();
  return refused;
}
