/**
 * Reads what HTTPS is served with, at start and whenever it is renewed. That it is PEM is seen here; whether
 * certificate and key belong together is known to who serves with them. Pure: reading is handed in.
 */
import type { ConfigProblem, TlsFiles } from "./config.ts";
import { readNamedFile, type Sources } from "./sources.ts";

/** @returns both files, or what is wrong with each that is not to be had */
export function readTlsFiles(
  certFile: string,
  keyFile: string,
  readFile: Sources["readFile"],
): TlsFiles | { readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const read = (setting: string, path: string): string => {
    try {
      return readPem(readFile, path, setting);
    } catch (error) {
      problems.push({ setting, message: (error as Error).message });
      return "";
    }
  };
  const files = {
    certFile,
    keyFile,
    cert: read("--tls-cert", certFile),
    key: read("--tls-key", keyFile),
  };
  return problems.length > 0 ? { problems } : files;
}

/** @throws {Error} whose message names the setting, where the file is not to be had, or no PEM */
export function readPem(readFile: Sources["readFile"], path: string, setting: string): string {
  const content = readNamedFile(readFile, path, setting, "that it names");
  if (content.includes("-----BEGIN ")) return content;
  throw new Error(`${setting}: cannot use the file ${JSON.stringify(path)}; allowed: a PEM file`);
}
