/**
 * How errors of the system become errors of the storage: everything that is not one of the contract's own
 * classes means that a write or an fsync failed, and keeps what the system said as its cause.
 */
import {
  StorageCorruptError,
  StorageFailedError,
  StorageForeignError,
  StorageInUseError,
  StorageTakenError,
} from "../storage.ts";
import { isDiskFull } from "./file_system.ts";

/** @param what could not be done, as the beginning of a sentence */
export function storageFailed(what: string, error: unknown): StorageFailedError {
  if (error instanceof StorageTakenError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const reason = isDiskFull(error) ? "the disk is full" : said;
  return new StorageFailedError(`${what}: ${reason}`, { cause: error });
}

/** True for the contract's own errors, which say all there is to say. */
export function isOurs(error: unknown): boolean {
  return error instanceof StorageCorruptError || error instanceof StorageForeignError ||
    error instanceof StorageInUseError || error instanceof StorageFailedError;
}
