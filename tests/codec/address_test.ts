/** Addresses: the spellings that are taken, their one form, and what is refused. */
import assert from "node:assert/strict";
import { formatAddress, parseAddress } from "../../src/codec/address.ts";

Deno.test("names, IPv4 and bracketed IPv6 are addresses, and have one form", () => {
  for (
    const [text, form] of [
      ["peer-1:7001", "peer-1:7001"],
      [" Peer.Example.COM:1 ", "peer.example.com:1"],
      ["10.0.0.1:65535", "10.0.0.1:65535"],
      ["[::1]:7001", "[::1]:7001"],
      ["[FE80::1%eth0]:7001", "[fe80::1%eth0]:7001"],
    ] as const
  ) {
    assert.equal(formatAddress(parseAddress(text)!), form);
  }
});

Deno.test("what lacks a host or a port, or has more, is none", () => {
  const wrong = ["", "host", ":1", "host:", "host:0", "host:65536", "host:1x", "::1:7001", "a b:1"];
  for (const text of [...wrong, "http://host:1", "user@host:1", "[host]:1", "host:-1"]) {
    assert.equal(parseAddress(text), null, text);
  }
});
