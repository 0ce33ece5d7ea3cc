/**
 * `skein dht`: a DHT of one's own, for peers whose `--swarm-bootstrap` names it, until somebody asks it to stop. It
 * knows no cluster key, and what it learns is who announces itself under which topic.
 */
import { Command } from "@commander-js/extra-typings";
import { isIPv4 } from "node:net";
import type { Address } from "../codec/address.ts";
import { formatAddress } from "../config/mod.ts";
import { isEveryAddress } from "../loopback.ts";
import { readAddress } from "./arguments.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";
import { AddressInUseError, UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { examples, JSON_FLAG, print } from "./output.ts";
import { onStopSignals, SIGNAL_NUMBERS } from "./stop_signals.ts";

/** The port that the nodes of the public DHT have. */
const DEFAULT_LISTEN = { host: "127.0.0.1", port: 49_737 };
/** What is under way when it stops is nothing that anybody loses. */
const CLOSE_MS = 1_000;

export function define() {
  return new Command()
    .option(
      "--listen <[HOST:]PORT>",
      `an IPv4 address of this machine, and the first of four UDP ports (default: ${
        formatAddress(DEFAULT_LISTEN)
      })`,
      readAddress,
    )
    .option("--advertise <HOST>", "the IPv4 address that peers see, where it is another")
    .option(JSON_FLAG, "print one JSON document once it listens")
    .addHelpText(
      "after",
      examples(
        "skein dht --listen 10.0.0.1:49737",
        "skein dht --listen 0.0.0.0:49737 --advertise 203.0.113.7",
      ),
    )
    .action(async ({ listen = DEFAULT_LISTEN, advertise, json }) => {
      const host = reachedBy(listen, advertise);
      const stopped = stopAsked();
      const dht = await import("../discovery/dht.ts");
      requirePorts(listen, dht.DHT_NODES);
      giveUpRights(["dht"], "begun");
      const opening = dht.openDht({ listen, host }).catch((error) => {
        if (error instanceof dht.DhtUnreachableError) {
          throw new UsageError(`--advertise: cannot use ${host}: ${error.message}`);
        }
        throw refusal(error, listen);
      });
      const node = await Promise.race([opening, stopped]);
      if (node === undefined) return;
      const address = formatAddress(node.address);
      print(json, { success: true, address }, () => `the DHT is at ${address}`);
      await stopped;
      await Promise.race([node.close(), after(CLOSE_MS)]);
    });
}

/** @throws {UsageError} where that cannot be known, or is no address of IPv4 */
function reachedBy(listen: Address, advertise: string | undefined): string {
  if (!isIPv4(listen.host)) {
    throw new UsageError(`--listen: cannot use ${listen.host}; allowed: an IPv4 address`);
  }
  if (advertise !== undefined && (!isIPv4(advertise) || isEveryAddress(advertise))) {
    throw new UsageError(`--advertise: cannot use ${advertise}; allowed: an IPv4 address`);
  }
  if (advertise === undefined && isEveryAddress(listen.host)) {
    throw new UsageError(
      `--advertise: none is given, and --listen ${listen.host} does not say what peers see; ` +
        "allowed: the IPv4 address that they reach it by",
    );
  }
  return advertise ?? listen.host;
}

/** @throws {UsageError} where there are not as many from the first on */
function requirePorts({ port }: Address, count: number): void {
  const last = 65_536 - count;
  if (port > last) {
    throw new UsageError(
      `--listen: cannot use port ${port}; allowed: the first of ${count}, so at most ${last}`,
    );
  }
}

function refusal(error: unknown, listen: Address): unknown {
  const where = `cannot listen on ${formatAddress(listen)} (UDP)`;
  if (error instanceof Deno.errors.AddrInUse) {
    return new AddressInUseError(`${where}: port ${listen.port} is in use by another process`);
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return new UsageError(`${where}: this machine has no such address`);
  }
  return error;
}

/** Resolves once somebody asks for a stop; asking again ends the process at once. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    onStopSignals({
      stop: () => resolve(),
      stopNow: (signal) => Deno.exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!),
    });
  });
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
