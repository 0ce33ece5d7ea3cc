/**
 * The swarm's actor on our UDX, under Deno: the same packages, but where they ask for udx-native they are given ours,
 * so that the addon is never loaded.
 */
import Module, { createRequire } from "node:module";
import { UDX } from "../../src/udx/mod.ts";
import { runSwarmActor } from "./native/swarm_actor.mjs";

interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
}

const loader = Module as unknown as Loader;
const load = loader._load;
loader._load = (request, ...rest) =>
  request === "udx-native" ? UDX : load.call(loader, request, ...rest);

const require = createRequire(new URL("native/package.json", import.meta.url));
runSwarmActor({ Hyperswarm: require("hyperswarm"), HyperDHT: require("hyperdht") });
