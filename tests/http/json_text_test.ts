import { equal, ok } from "node:assert/strict";
import { JsonText } from "../../src/http/json_text.ts";
import { Random } from "../../src/random.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const PIECES = ["", "a", '{"id":', "ä", "€uro", "𝄞 clef", "\u0000", "plain ascii text"];

Deno.test("json text: nothing, text alone, bytes alone", () => {
  equal(new JsonText().encode().length, 0);
  equal(decoder.decode(new JsonText().add("[").add("]").encode()), "[]");
  equal(decoder.decode(new JsonText().addBytes(encoder.encode('"ä"')).encode()), '"ä"');
});

Deno.test("json text: texts and bytes come out in the order in which they were added", () => {
  const random = new Random(7, 11);
  let longer = 0;
  for (let round = 0; round < 2_000; round++) {
    const json = new JsonText();
    let expected = "";
    for (let count = random.integer(0, 11); count > 0; count--) {
      const piece = random.pick(round % 2 === 0 ? PIECES.slice(0, 3) : PIECES);
      expected += piece;
      if (random.chance(0.5)) json.add(piece);
      else json.addBytes(encoder.encode(piece));
    }
    const bytes = json.encode();
    equal(decoder.decode(bytes), expected);
    if (bytes.length > expected.length) longer++;
  }
  ok(longer > 500, `${longer} of them had characters beyond ASCII`);
});
