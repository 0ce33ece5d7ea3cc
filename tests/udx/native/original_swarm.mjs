/** The swarm's actor on udx-native. */
import HyperDHT from "hyperdht";
import Hyperswarm from "hyperswarm";
import { runSwarmActor } from "./swarm_actor.mjs";

runSwarmActor({ Hyperswarm, HyperDHT });
