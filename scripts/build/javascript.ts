/**
 * TypeScript as JavaScript, for where no TypeScript is run: Deno refuses it inside node_modules, and Node below 22
 * everywhere. Types are blanked and nothing is moved, so that a stack trace names the lines of the source;
 * what refers to another module, by import or by URL, refers to where that one has gone.
 */
import nodeModule from "node:module";
import { posix } from "node:path";

/** Where modules go: path in the repository → path in what is built. */
export type ModuleMoves = ReadonlyMap<string, string>;

/** A string that may refer to a module, as all that do are written. */
const RELATIVE_MODULE = /"(\.\.?\/[^"\\\n]+\.ts)"/g;

/** Whether the Deno that runs this can do it. */
export const CAN_STRIP_TYPES = typeof nodeModule.stripTypeScriptTypes === "function";

/**
 * @param path of the module in the repository, with slashes; one of `moves`
 * @param source its text
 * @throws {SyntaxError} when it is not TypeScript, or not without its types JavaScript
 * @throws {Error} when the runtime is too old
 */
export function toJavaScript(path: string, source: string, moves: ModuleMoves): string {
  if (!CAN_STRIP_TYPES) {
    throw new Error(`Deno ${Deno.version.deno} cannot make JavaScript of TypeScript; 2.9.6 can`);
  }
  try {
    return moveReferences(path, nodeModule.stripTypeScriptTypes(source), moves);
  } catch (error) {
    throw new SyntaxError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Relative references from one moved module to another; whatever else looks like one is left as it is. */
function moveReferences(path: string, code: string, moves: ModuleMoves): string {
  const folder = posix.dirname(path);
  const movedFolder = posix.dirname(moves.get(path)!);
  return code.replace(RELATIVE_MODULE, (written, reference: string) => {
    const moved = moves.get(posix.join(folder, reference));
    if (moved === undefined) return written;
    const relative = posix.relative(movedFolder, moved);
    return JSON.stringify(relative.startsWith(".") ? relative : `./${relative}`);
  });
}
