/** The questions of discovery to the world, against a real server on a free port. */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { askEndpoint, lookUpAll } from "../../src/discovery/lookups.ts";
import { fasterClock, REAL_CLOCK } from "../net/real_time.ts";

const ID = "a".repeat(64);

async function withServer(
  handle: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handle);
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("an endpoint says who it is; the token is presented", async () => {
  const requests: string[] = [];
  const handle = (request: Request): Response => {
    requests.push(`${new URL(request.url).pathname} ${request.headers.get("authorization")}`);
    return Response.json({ success: true, id: ID, addresses: ["10.0.0.1:7001"], name: "x" });
  };
  await withServer(handle, async (url) => {
    const expected = { id: ID, addresses: ["10.0.0.1:7001"] };
    assert.deepEqual(await askEndpoint(url, "secret", REAL_CLOCK), expected);
    assert.deepEqual(await askEndpoint(url, null, REAL_CLOCK), expected);
  });
  assert.deepEqual(requests, ["/cluster/self Bearer secret", "/cluster/self null"]);
});

Deno.test("answers that are wrong, too long, or lead elsewhere are not believed", async () => {
  const answers: (() => Response)[] = [
    () => new Response("not JSON"),
    () => Response.json(null),
    () => Response.json({ id: "short", addresses: [] }),
    () => Response.json({ id: ID, addresses: "10.0.0.1:7001" }),
    () => Response.json({ id: ID, addresses: [5] }),
    () => Response.json({ id: ID, addresses: Array.from({ length: 17 }, () => "a:1") }),
    () => Response.json({ id: ID, addresses: ["a:1"] }, { status: 403 }),
    () => new Response("x".repeat(1_000_000)),
    () => Response.redirect("http://127.0.0.1:1/"),
  ];
  for (const answer of answers) {
    await withServer(answer, async (url) => {
      await assert.rejects(askEndpoint(url, null, REAL_CLOCK));
    });
  }
});

Deno.test("an endpoint that does not answer is given up", async () => {
  const open = Promise.withResolvers<Response>();
  await withServer(() => open.promise, async (url) => {
    await assert.rejects(askEndpoint(url, null, fasterClock(20)));
    open.resolve(new Response());
  });
});

Deno.test("localhost has addresses, a name of nobody has none", async () => {
  const addresses = await lookUpAll("localhost");
  assert(addresses.length > 0 && addresses.every((address) => isIP(address) !== 0));
  await assert.rejects(lookUpAll("no-such-name.invalid"));
});
