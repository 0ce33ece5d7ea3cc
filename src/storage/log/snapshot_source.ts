/**
 * The chunks of a snapshot on their way to disk, remembering whose fault it is when they stop: an encoder that
 * gives up costs its snapshot, a write that fails costs the store.
 */
export class SnapshotSource {
  readonly source: AsyncIterable<Uint8Array>;
  /** True once the encoder has thrown. */
  failed = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source;
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    try {
      yield* this.source;
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }
}
