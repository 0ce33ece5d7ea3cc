/** scripts/compose.yaml as Compose understands it: merged, its variables filled in, its short forms taken apart. */
import assert from "node:assert/strict";
// Not among the imports of deno.json, which are the program's: only tests read YAML.
// deno-lint-ignore no-import-prefix
import { parse } from "npm:yaml@2.9.1";

/** Where Compose starts all relative paths from. */
export const SCRIPTS = new URL("../../scripts", import.meta.url).pathname;

/** What every peer has in the image, beside what its service says. */
export type Environment = Readonly<Record<string, string>>;

export interface Port {
  /** "" where it is open to other machines. */
  readonly host: string;
  readonly published: number;
  readonly target: number;
}

export interface Mount {
  /** A volume's name, or a path that begins with a dot. */
  readonly source: string;
  readonly target: string;
}

export interface Service {
  readonly name: string;
  readonly image: string;
  readonly isBuilt: boolean;
  readonly profiles: readonly string[];
  readonly command: readonly string[] | null;
  readonly environment: Environment;
  readonly ports: readonly Port[];
  readonly mounts: readonly Mount[];
  readonly health: readonly string[] | null;
  readonly dependsOn: readonly string[];
  /** How many containers there are unless `--scale` says otherwise. */
  readonly replicas: number;
  /** Every key of the service, as written. */
  readonly keys: readonly string[];
}

export interface ComposeFile {
  readonly services: ReadonlyMap<string, Service>;
  readonly volumes: readonly string[];
}

/**
 * @param variables of the shell and of scripts/.env
 * @throws {Error} naming a variable that has to be there and is not
 */
export async function readComposeFile(variables: Environment): Promise<ComposeFile> {
  const text = await Deno.readTextFile(`${SCRIPTS}/compose.yaml`);
  const file = filledIn(parse(text, { merge: true }), variables) as Written;
  return {
    services: new Map(
      Object.entries(file.services).map(([name, each]) => [name, serviceOf(name, each)]),
    ),
    volumes: Object.keys(file.volumes),
  };
}

interface Written {
  readonly services: Readonly<Record<string, WrittenService>>;
  readonly volumes: Readonly<Record<string, null>>;
}

interface WrittenService {
  readonly image: string;
  readonly build?: object;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Environment;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly deploy?: { readonly replicas?: number };
}

function serviceOf(name: string, written: WrittenService): Service {
  const { image, environment = {}, profiles = [], ports = [], depends_on: before = [] } = written;
  const [how, ...health] = written.healthcheck?.test ?? ["CMD"];
  assert.equal(how, "CMD", `${name}: its health is asked for without a shell`);
  return {
    name,
    image,
    isBuilt: written.build !== undefined,
    profiles,
    command: written.command ?? null,
    environment,
    ports: ports.map(portOf),
    mounts: (written.volumes ?? []).map(mountOf),
    health: health.length === 0 ? null : health,
    dependsOn: Array.isArray(before) ? before as string[] : Object.keys(before),
    replicas: written.deploy?.replicas ?? 1,
    keys: Object.keys(written),
  };
}

function portOf(text: string): Port {
  const match = /^(?:(127\.0\.0\.1):)?(\d+):(\d+)$/.exec(text);
  assert.ok(match !== null, `no port: ${text}`);
  return { host: match[1] ?? "", published: Number(match[2]), target: Number(match[3]) };
}

function mountOf(text: string): Mount {
  const [source = "", target = "", mode] = text.split(":");
  assert.ok(source !== "" && target.startsWith("/"), `no volume: ${text}`);
  assert.equal(
    mode === "ro",
    source.startsWith("."),
    "files of the host are read, and nothing else is",
  );
  return { source, target };
}

/** Fills in the variables of all texts. Compose knows further forms, which the file has no use for. */
function filledIn(value: unknown, variables: Environment): unknown {
  if (typeof value === "string") {
    return value.replace(/\$\{?(\w*)(?::([-?])([^}]*))?\}?/g, (_, name, form, rest) => {
      assert.ok(
        name !== "" && form !== undefined,
        `a variable with neither default nor demand: ${value}`,
      );
      if (variables[name]) return variables[name];
      if (form === "?") throw new Error(`${name}: ${rest}`);
      return rest;
    });
  }
  if (Array.isArray(value)) return value.map((each) => filledIn(each, variables));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, filledIn(each, variables)]),
  );
}
