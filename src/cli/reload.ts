/**
 * What SIGHUP does to a peer: the log's file is opened anew, and HTTPS goes on with the certificate that is in its
 * files now. What cannot be had leaves the former in use, and says why; nothing else changes.
 */
import { readTlsFiles, type TlsFiles } from "../config/mod.ts";
import { describeCertificate, type TlsPair, validityWarning } from "../http/tls.ts";
import type { Log } from "../peer/logging.ts";
import { notAllowed } from "./not_allowed.ts";

export interface Reloadable {
  readonly log: Log;
  /** What is served with at first; null: plain HTTP. */
  readonly tls: TlsFiles | null;
  readonly readFile: (path: string) => string;
  /** @throws {Error} where it cannot be used; nothing has changed */
  readonly renewTls: (tls: TlsPair) => void;
  readonly nowMs: () => number;
}

export class Reloader {
  readonly #reloadable: Reloadable;
  #tls: TlsFiles | null;

  constructor(reloadable: Reloadable) {
    this.#reloadable = reloadable;
    this.#tls = reloadable.tls;
  }

  /** Never throws: whatever happens is told in the log. */
  reload(): void {
    const { logger, reopen } = this.#reloadable.log;
    if (reopen !== null) {
      try {
        reopen();
        logger.log("info", "SIGHUP: the log goes on in a file opened anew");
      } catch (error) {
        logger.log("error", `SIGHUP: the log goes on in its former file: ${reasonOf(error)}`);
      }
    }
    if (this.#tls !== null) this.#reloadTls(this.#tls);
    if (reopen === null && this.#tls === null) {
      logger.log(
        "info",
        "SIGHUP: nothing to reload; --log-file and --tls-cert are what it reloads",
      );
    }
  }

  #reloadTls(former: TlsFiles): void {
    const { log: { logger }, readFile, renewTls, nowMs } = this.#reloadable;
    const read = readTlsFiles(former.certFile, former.keyFile, readFile);
    try {
      if ("problems" in read) throw new Error(read.problems.map((each) => each.message).join("; "));
      if (read.cert === former.cert && read.key === former.key) {
        logger.log("info", "SIGHUP: certificate and key are what they were");
        return;
      }
      renewTls(read);
    } catch (error) {
      logger.log("error", `SIGHUP: the certificate stays as it was: ${reasonOf(error)}`);
      return;
    }
    this.#tls = read;
    const subject = describeCertificate(read)?.subject ?? "another subject";
    logger.log("info", `SIGHUP: new connections get the new certificate, of ${subject}`);
    const warning = validityWarning(read, nowMs());
    if (warning !== null) logger.log("warn", warning);
  }
}

function reasonOf(error: unknown): string {
  return notAllowed(error) ?? (error as Error).message;
}
