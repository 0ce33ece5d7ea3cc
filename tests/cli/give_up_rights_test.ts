/** Which rights a command gives up when, and what happens where the runtime keeps one. */
import assert from "node:assert/strict";
import { giveUpRights } from "../../src/cli/give_up_rights.ts";
import type { Moment, RightName } from "../../src/cli/rights.ts";

type State = Deno.PermissionState;

/** Stands in for the runtime, whose own rights this process goes on to need. */
class PretendedRights implements Disposable {
  readonly #real = Deno.permissions;
  readonly givenUp: string[] = [];

  /** @param stateOf what a right is afterwards */
  constructor(stateOf: (descriptor: Deno.PermissionDescriptor) => State) {
    const status = (state: State) => ({ state, partial: false }) as Deno.PermissionStatus;
    this.#become({
      revokeSync: (descriptor: Deno.PermissionDescriptor) => {
        this.givenUp.push(descriptor.name);
        return status("prompt");
      },
      querySync: (descriptor: Deno.PermissionDescriptor) => status(stateOf(descriptor)),
    });
  }

  [Symbol.dispose](): void {
    this.#become(this.#real);
  }

  #become(permissions: unknown): void {
    Object.defineProperty(Deno, "permissions", { value: permissions, configurable: true });
  }
}

function givenUpBy(line: string, moment: Moment): string[] {
  using rights = new PretendedRights(() => "prompt");
  giveUpRights(line.split(" "), moment);
  return rights.givenUp;
}

Deno.test("each moment takes what is needed until then, and what was needed before", () => {
  const cases: readonly (readonly [string, Moment, readonly RightName[]])[] = [
    ["run", "started", ["run"]],
    ["run", "begun", ["env", "ffi", "run"]],
    ["cluster", "started", ["ffi"]],
    ["cluster", "begun", ["read", "write", "env", "sys", "ffi", "run"]],
    ["lock run", "started", ["write", "ffi"]],
    ["lock run", "called", ["read", "write", "env", "ffi"]],
    ["lock run", "begun", ["read", "write", "env", "sys", "ffi", "run"]],
    ["members", "called", ["read", "write", "env", "sys", "ffi", "run"]],
    ["log check", "called", ["net", "env", "sys", "ffi", "run"]],
    ["version", "started", ["net", "write", "env", "sys", "ffi", "run"]],
    ["", "started", ["net", "write", "env", "sys", "ffi", "run"]],
    ["nonsense", "called", ["net", "read", "write", "env", "sys", "ffi", "run"]],
  ];
  for (const [line, moment, expected] of cases) {
    assert.deepEqual(givenUpBy(line, moment), expected, `${line}, ${moment}`);
  }
});

Deno.test("a right that the runtime keeps, in whole or in part, is an error that names it", () => {
  for (
    const kept of [
      { name: "run" },
      { name: "env", variable: "CLUSTER_KEY" },
      { name: "ffi", path: "." },
    ] as const
  ) {
    using _ = new PretendedRights((descriptor) =>
      JSON.stringify(descriptor) === JSON.stringify(kept) ? "granted" : "prompt"
    );
    assert.throws(
      () => giveUpRights(["run"], "begun"),
      { message: `cannot give up the right ${JSON.stringify(kept)}: Deno grants it all the same` },
    );
  }
});
