import assert from "node:assert/strict";
import { recordChecksum } from "../../scripts/build/checksums.ts";

Deno.test("the list has a line a file, in order, as sha256sum reads it", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-checksums-" });
  try {
    for (const [name, text] of [["b", "old"], ["a", "a"], ["b", "b"], ["c", "c"]] as const) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
      await recordChecksum(`${directory}/${name}`);
    }
    assert.equal(
      await Deno.readTextFile(`${directory}/SHA256SUMS`),
      [
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n",
        "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b\n",
        "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6  c\n",
      ].join(""),
    );
    assert.deepEqual([...Deno.readDirSync(directory)].length, 4, "and nothing is left beside");

    await Deno.remove(`${directory}/a`);
    await recordChecksum(`${directory}/c`);
    const lines = (await Deno.readTextFile(`${directory}/SHA256SUMS`)).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line.slice(66)), ["b", "c"], "what is gone is not listed");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
