/**
 * The machines that Skein is built for: one table, from which come the names of what is built, the native code
 * that goes along, and how to tell one machine's native code from another's.
 */

export interface Target {
  /** As Deno and LLVM call it; part of the file's name in dist/. */
  readonly triple: string;
  /** The folder of this machine's code in a package's `prebuilds/`: Node's platform and architecture. */
  readonly prebuild: string;
  readonly executableSuffix: "" | ".exe";
}

export const TARGETS: readonly Target[] = [
  { triple: "x86_64-unknown-linux-gnu", prebuild: "linux-x64", executableSuffix: "" },
  { triple: "aarch64-unknown-linux-gnu", prebuild: "linux-arm64", executableSuffix: "" },
  { triple: "x86_64-apple-darwin", prebuild: "darwin-x64", executableSuffix: "" },
  { triple: "aarch64-apple-darwin", prebuild: "darwin-arm64", executableSuffix: "" },
  { triple: "x86_64-pc-windows-msvc", prebuild: "win32-x64", executableSuffix: ".exe" },
];

/** @throws {RangeError} when Skein is not built for it */
export function targetOf(triple: string): Target {
  const target = TARGETS.find((each) => each.triple === triple);
  if (target !== undefined) return target;
  const known = TARGETS.map((each) => each.triple).join(", ");
  throw new RangeError(`no builds for ${triple}; there are builds for ${known}`);
}

/** This machine's. @throws {RangeError} when Skein is not built for it */
export function hostTarget(): Target {
  return targetOf(Deno.build.target);
}
