/**
 * Files that are there as a whole or not at all: whoever reads one while it is written, or after the writer was killed,
 * finds what was there before.
 */

/**
 * @param mode of the file; what the umask leaves where it is not given
 * @throws whatever writing throws; then nothing has changed
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | ReadableStream<Uint8Array>,
  mode?: number,
): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeFile(draft, content);
    if (mode !== undefined) await Deno.chmod(draft, mode);
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft).catch(() => {});
    throw error;
  }
}
