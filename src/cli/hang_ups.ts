/**
 * SIGHUP asks a running peer to open anew what may have been replaced. It is heard from the first moment to the last,
 * so that it never ends the process; what comes before there is anything to open is done once there is.
 */

/** There it says that the console is closed, which is a reason to stop. */
const HAS_IT = Deno.build.os !== "windows";

export class HangUps {
  #cameEarly = false;
  #reload: (() => void) | null = null;

  constructor() {
    if (HAS_IT) Deno.addSignalListener("SIGHUP", () => this.#heard());
  }

  /** @param reload called for each from now on, and at once for those that came before */
  serve(reload: () => void): void {
    this.#reload = reload;
    if (this.#cameEarly) reload();
  }

  #heard(): void {
    if (this.#reload === null) this.#cameEarly = true;
    else this.#reload();
  }
}
