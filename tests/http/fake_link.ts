/**
 * A connection of the fake peer to the other member of its cluster, over the swarm, so that all that can be measured of
 * a connection is.
 */
import type { LinkView } from "../../src/net/link_view.ts";
import { OTHER_ID } from "./peer_ids.ts";

export const FAKE_LINK: LinkView = {
  peer: OTHER_ID,
  way: "swarm",
  foundBy: ["members", "swarm"],
  roundTripMs: 1.5,
  retransmissions: 4,
  congestionWindowPackets: 40,
};
