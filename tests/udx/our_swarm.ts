/**
 * The swarm's actor on our UDX, under Deno: the same packages, but where they ask for udx-native they are given ours,
 * so that the addon is never loaded.
 */
import "../../src/discovery/no_udx_native.ts";
import { createRequire } from "node:module";
import { runSwarmActor } from "./native/swarm_actor.mjs";

const require = createRequire(new URL("native/package.json", import.meta.url));
runSwarmActor({ Hyperswarm: require("hyperswarm"), HyperDHT: require("hyperdht") });
