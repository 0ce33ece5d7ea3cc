/**
 * Closes what may be closed already. Ends of a connection are closed by whoever sees first that it is over, and to be
 * the second is no error.
 */
export function closing(closer: { close(): void }): void {
  try {
    closer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
