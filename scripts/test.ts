/**
 * Runs the tests: `deno task test [PATH …] [FLAGS]`, everything under tests/ by default. Flags of `deno test` are
 * handed on.
 */
import { runTests, splitArguments } from "./test_run.ts";

const { paths, flags } = splitArguments(Deno.args);
Deno.exit(await runTests({ paths: paths.length > 0 ? paths : ["tests"], flags }));
