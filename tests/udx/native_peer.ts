/** The original's packages, installed when a test first needs them: Node and npm are what it takes. */

const FOLDER = new URL("native/", import.meta.url).pathname;

/** @returns whether this machine can run the original at all */
export async function nodeIsHere(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("node", { args: ["--version"], stdout: "null" })
      .output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** @throws {Error} with npm's words when the packages cannot be had */
export async function installNative(): Promise<void> {
  try {
    await Deno.stat(`${FOLDER}node_modules/.package-lock.json`);
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    cwd: FOLDER,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`cannot install udx-native: ${new TextDecoder().decode(stderr)}`);
}
