/**
 * Keeps udx-native out, which dht-rpc asks for when it is loaded: it is bound to libuv, and its first call ends a
 * process of Deno. Whoever asks for it gets ours. To be imported before anything of Hyperswarm.
 */
import Module from "node:module";
import { UDX } from "../udx/mod.ts";

interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
}

const loader = Module as unknown as Loader;
const load = loader._load;
loader._load = (request, ...rest) =>
  request === "udx-native" ? UDX : load.call(loader, request, ...rest);
