/** The configuration file, and settings that must fit together. */
import assert from "node:assert/strict";
import { load, refusal } from "./said.ts";

Deno.test("the configuration file: unknown keys, wrong values and wrong files are refused", () => {
  const flags = { config: "c.json" };
  const refusedFile = (content: string) => refusal({ flags, files: { "c.json": content } });
  assert.match(
    refusedFile('{"hart-beat": 1}'),
    /^--config: cannot use the key "hart-beat" in c\.json/,
  );
  assert.match(refusedFile('{"__proto__": 1}'), /cannot use the key "__proto__"/);
  assert.match(refusedFile('{"config": "d.json"}'), /cannot use the key "config"/);
  assert.match(refusedFile('{"heartbeat": {}}'), /--heartbeat: cannot use \{\} from the config/);
  assert.match(refusedFile('{"heartbeat": null}'), /--heartbeat: cannot use null from the config/);
  assert.match(refusedFile("[1]"), /allowed: one JSON object/);
  assert.match(refusedFile("{"), /cannot read c\.json: .*allowed: JSON/);
  assert.match(refusal({ flags }), /cannot read the file "c\.json" from the flag --config/);
});

Deno.test("settings that do not fit together", () => {
  assert.match(
    refusal({ flags: { heartbeat: "0.6" } }),
    /^--heartbeat: cannot use 0\.6 with an election timeout from 1; allowed: at most half/,
  );
  assert.match(
    refusal({ flags: { http: "999" } }),
    /^--listen: none is given, and the HTTP port 999/,
  );
  load({ flags: { http: "999", listen: "7001" } });
});

Deno.test("TLS needs both files, and they must be PEM", () => {
  const files = {
    "c.pem": "-----BEGIN CERTIFICATE-----\n",
    "k.pem": "-----BEGIN KEY-----\n",
    x: "",
  };
  const flags = { "tls-cert": "c.pem", "tls-key": "k.pem" };
  assert.deepEqual(load({ files, flags }).tls, {
    certFile: "c.pem",
    keyFile: "k.pem",
    cert: "-----BEGIN CERTIFICATE-----",
    key: "-----BEGIN KEY-----",
  });
  assert.match(refusal({ files, flags: { "tls-cert": "c.pem" } }), /^--tls-key: none is given/);
  assert.match(refusal({ files, flags: { ...flags, "tls-key": "x" } }), /allowed: a PEM file/);
  assert.match(refusal({ files, flags: { ...flags, "tls-key": "y" } }), /--tls-key: cannot read/);
});
