/**
 * `identity.json`: who this store belongs to. It is written once, readable by its owner alone, and its
 * store id stands in every segment too. One missing or unlike is refused: a peer that keeps its name
 * and forgets its votes can elect two leaders.
 */
import { type Identity, StorageForeignError } from "../storage.ts";
import { type FileSystem, writeDurably } from "./file_system.ts";

export const IDENTITY_NAME = "identity.json";
const FORMAT = 1;
const FIELDS = { storeId: 16, publicKey: 32, secretKey: 64 } as const;

export async function writeIdentity(
  fileSystem: FileSystem,
  directory: string,
  identity: Identity,
): Promise<void> {
  const { storeId, publicKey, secretKey } = identity;
  const text = JSON.stringify({ format: FORMAT, storeId, publicKey, secretKey }, null, 2) + "\n";
  await writeDurably(fileSystem, directory, IDENTITY_NAME, new TextEncoder().encode(text), true);
}

/** @throws {StorageForeignError} when the file is not an identity that this program made */
export function decodeIdentity(bytes: Uint8Array, file: string): Identity {
  const refuse = (why: string) =>
    new StorageForeignError(`cannot open the store: ${file} is no identity of ours: ${why}`);
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw refuse("it is not JSON");
  }
  if (typeof fields !== "object" || fields === null) throw refuse("it is not an object");
  const values = fields as Readonly<Record<string, unknown>>;
  if (values.format !== FORMAT) throw refuse(`its format is ${String(values.format)}`);
  const hex = (name: keyof typeof FIELDS): string => {
    const value = values[name];
    const digits = FIELDS[name] * 2;
    const sound = typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
    if (!sound) throw refuse(`${name} must be ${digits} hex digits`);
    return value;
  };
  return { storeId: hex("storeId"), publicKey: hex("publicKey"), secretKey: hex("secretKey") };
}

/** @returns the 16 bytes that stand in every segment */
export function storeIdBytes(identity: Identity): Uint8Array {
  return Uint8Array.fromHex(identity.storeId);
}
