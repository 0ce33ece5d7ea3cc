/**
 * The part of streamx that a stream of UDX is and uses, typed here because the package ships no types.
 */
import streamx from "streamx";

export type Callback = (error: Error | null) => void;

export interface Duplex {
  readonly destroyed: boolean;
  readonly destroying: boolean;
  on(event: string, listener: (...values: never[]) => void): this;
  once(event: string, listener: (...values: never[]) => void): this;
  off(event: string, listener: (...values: never[]) => void): this;
  emit(event: string, ...values: unknown[]): boolean;
  write(data: Uint8Array | string): boolean;
  end(data?: Uint8Array | string): this;
  destroy(error?: Error | null): void;
  pause(): this;
  resume(): this;
  read(): Uint8Array | null;
  /** @returns false when the reader has enough for now; null ends the stream */
  push(data: Uint8Array | null): boolean;
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;

  _read(done: Callback): void;
  _writev(chunks: Uint8Array[], done: Callback): void;
  _final(done: Callback): void;
  _predestroy(): void;
  _destroy(done: Callback): void;
}

interface Streamx {
  readonly Duplex: new (options: {
    readonly mapWritable: (data: Uint8Array | string) => Uint8Array;
    readonly eagerOpen: boolean;
  }) => Duplex;
  readonly Writable: { drained(stream: Duplex): Promise<boolean> };
}

const { Duplex: DuplexClass, Writable } = streamx as unknown as Streamx;

export const DuplexStream = DuplexClass;

/** @returns once what was written so far went to `_writev`; false where the stream was destroyed before */
export function drained(stream: Duplex): Promise<boolean> {
  return Writable.drained(stream);
}
