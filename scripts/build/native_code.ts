/**
 * For which machine native code was built, read from its first bytes: so that no build goes out with code that
 * its target cannot load.
 */

/** How much of a file `machineOf` needs to see. */
export const HEAD_BYTES = 4_096;

const ELF = 0x7f454c46;
const ELF_MACHINES = new Map([[62, "linux-x64"], [183, "linux-arm64"]]);
const MACH_O = 0xcffaedfe;
const MACH_O_MACHINES = new Map([[0x0100_0007, "darwin-x64"], [0x0100_000c, "darwin-arm64"]]);
const MZ = 0x4d5a;
const PE = 0x50450000;
const PE_MACHINES = new Map([[0x8664, "win32-x64"], [0xaa64, "win32-arm64"]]);

/**
 * @param head the first bytes of the file
 * @returns as Node names platform and architecture; null for what is no native code of a 64-bit machine that it
 *   knows
 */
export function machineOf(head: Uint8Array): string | null {
  if (head.length < 64) return null;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0) === ELF) return ELF_MACHINES.get(view.getUint16(18, true)) ?? null;
  if (view.getUint32(0) === MACH_O) return MACH_O_MACHINES.get(view.getUint32(4, true)) ?? null;
  if (view.getUint16(0) !== MZ) return null;
  const offset = view.getUint32(0x3c, true);
  if (offset + 6 > head.length || view.getUint32(offset) !== PE) return null;
  return PE_MACHINES.get(view.getUint16(offset + 4, true)) ?? null;
}

/** The same of a file on disk. */
export async function machineOfFile(path: string): Promise<string | null> {
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD_BYTES);
  let length = 0;
  while (length < head.length) {
    const count = await file.read(head.subarray(length));
    if (count === null) break;
    length += count;
  }
  return machineOf(head.subarray(0, length));
}
