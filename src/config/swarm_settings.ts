/**
 * The settings of discovery through a DHT: whether it is used, and where its first nodes are, where it is not the
 * public one.
 */
import { DHT_NODES, YES_OR_NO } from "./formats.ts";
import { setting } from "./setting.ts";

export const SWARM_SETTINGS = {
  swarm: setting({
    section: "Cluster",
    flag: "swarm",
    placeholder: "",
    environment: [{ name: "SWARM" }],
    format: YES_OR_NO,
    default: "false",
    help:
      "meet the peers of this cluster key through a DHT; no address need be known, no port be open",
  }),
  swarmBootstrap: setting({
    section: "Cluster",
    flag: "swarm-bootstrap",
    placeholder: "LIST",
    environment: [{ name: "SWARM_BOOTSTRAP" }],
    format: DHT_NODES,
    default: null,
    defaultText: "the public DHT's",
    repeatable: true,
    help: "host:port of the nodes of a DHT of one's own (skein dht)",
  }),
};
