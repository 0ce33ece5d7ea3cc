/**
 * The executable's entry. It hands the arguments to the command line and ends the process with its exit code;
 * everything else is in `cli/`.
 */
import { main } from "./cli/program.ts";

Deno.exit(await main(Deno.args));
