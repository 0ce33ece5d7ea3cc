/**
 * The version of the program, as peers tell each other, /health says and `skein version` prints. The same as in
 * deno.json; a test compares. It is written here as well so that a compiled executable carries it.
 */
export const VERSION = "0.1.0";
