/**
 * What `skein cluster` starts: which peer listens where, and with which flags. Peer k answers on three ports, as
 * scripts look for queue and cache on ports of their own. Pure.
 */
import type { Address } from "../config/mod.ts";
import { environmentNames } from "../config/describe.ts";
import type { Setting } from "../config/setting.ts";
import { SETTING_ROWS } from "../config/settings.ts";
import type { Flags } from "./settings_flags.ts";

/** More would make the ports of the first and the last peer meet. */
export const PEERS_MAX = 10;
/** A peer's other HTTP ports, above its first. */
const FURTHER_PORTS = [10, 20];
const PEER_PORT_BELOW_HTTP = 1000;
const LOOPBACK = "127.0.0.1";

export interface PlannedPeer {
  readonly name: string;
  readonly httpPorts: readonly number[];
  readonly peerPort: number;
  readonly dataDirectory: string;
  /** Everything that it will listen on. */
  readonly addresses: readonly Address[];
}

/**
 * @param count how many peers, 1 .. PEERS_MAX
 * @param firstPort HTTP port of the first peer; those of the others follow
 * @param directory where each peer gets a directory of its own
 */
export function planPeers(count: number, firstPort: number, directory: string): PlannedPeer[] {
  return Array.from({ length: count }, (_, index) => {
    const port = firstPort + index;
    const httpPorts = [port, ...FURTHER_PORTS.map((above) => port + above)];
    const peerPort = port - PEER_PORT_BELOW_HTTP;
    return {
      name: `peer-${index + 1}`,
      httpPorts,
      peerPort,
      dataDirectory: `${directory}/peer-${index + 1}`,
      addresses: [...httpPorts, peerPort].map((each) => ({ host: LOOPBACK, port: each })),
    };
  });
}

/** The flags of `skein run` for one of the peers, beside the shared ones. */
export function peerFlags(peer: PlannedPeer, all: readonly PlannedPeer[]): string[] {
  const others = all.map(({ peerPort }) => `${LOOPBACK}:${peerPort}`).join(",");
  return [
    `--name=${peer.name}`,
    ...peer.httpPorts.map((port) => `--http=${port}`),
    `--listen=${peer.peerPort}`,
    ...(all.length > 1 ? [`--peers=${others}`] : []),
    `--expect=${all.length}`,
    `--data=${peer.dataDirectory}`,
  ];
}

/** The shared flags as they were given, less the secrets: those go by the environment. */
export function sharedFlags(flags: Flags): string[] {
  return rows((row) => row.shared === true && row.secret !== true)
    .flatMap(({ flag }) => flags[flag] === undefined ? [] : [`--${flag}=${flags[flag]}`]);
}

/**
 * What the peers' environment has besides this process's own: nothing in the names that only one peer may have
 * (a name, a port), and what must not stand on a command line that others can read.
 */
export function peerEnvironment(
  own: Readonly<Record<string, string>>,
  flags: Flags,
  keyFile: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const row of rows(({ shared }) => shared !== true)) {
    // An inherited variable cannot be taken away; an empty one counts as not set.
    for (const name of environmentNames(row)) if (name in own) environment[name] = "";
  }
  for (const row of rows(({ shared, secret }) => shared === true && secret === true)) {
    const value = flags[row.flag];
    if (typeof value === "string") environment[environmentNames(row)[0]!] = value;
  }
  return { ...environment, CLUSTER_KEY_FILE: keyFile };
}

function rows(wanted: (row: Setting<unknown>) => boolean): Setting<unknown>[] {
  return SETTING_ROWS.map(([, row]) => row).filter(wanted);
}
