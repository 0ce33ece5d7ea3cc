/**
 * The machine's network interfaces, and a watch that asks for them every few seconds, because no runtime tells
 * when they change. Emits `change(interfaces)` and `close`.
 */
import { EventEmitter } from "node:events";
import type { NetworkInterface, Runtime, RuntimeTimer } from "./runtime.ts";

const POLL_MS = 5_000;

export class NetworkInterfaces extends EventEmitter {
  interfaces: NetworkInterface[];
  readonly #runtime: Runtime;
  #timer: RuntimeTimer | null = null;
  #destroying: Promise<void> | null = null;

  constructor(runtime: Runtime) {
    super();
    this.#runtime = runtime;
    this.interfaces = runtime.networkInterfaces();
  }

  watch(): this {
    if (this.#timer === null && this.#destroying === null) this.#wait();
    return this;
  }

  unwatch(): this {
    this.#timer?.cancel();
    this.#timer = null;
    return this;
  }

  /** @returns when `close` was emitted */
  destroy(): Promise<void> {
    if (this.#destroying !== null) return this.#destroying;
    this.unwatch();
    this.#destroying = new Promise((resolve) => {
      queueMicrotask(() => {
        this.emit("close");
        resolve();
      });
    });
    return this.#destroying;
  }

  [Symbol.iterator](): Iterator<NetworkInterface> {
    return this.interfaces[Symbol.iterator]();
  }

  #wait(): void {
    this.#timer = this.#runtime.timer(POLL_MS, () => {
      this.#wait();
      const interfaces = this.#runtime.networkInterfaces();
      if (same(interfaces, this.interfaces)) return;
      this.interfaces = interfaces;
      this.emit("change", interfaces);
    });
  }
}

function same(left: readonly NetworkInterface[], right: readonly NetworkInterface[]): boolean {
  const keys = (list: readonly NetworkInterface[]) =>
    list.map(({ name, host }) => `${name} ${host}`).sort().join("\n");
  return keys(left) === keys(right);
}
