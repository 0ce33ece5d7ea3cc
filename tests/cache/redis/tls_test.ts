/** A Redis that the cache reaches by TLS (`rediss://`): both of its connections, with a CA of one's own, and not without. */
import assert from "node:assert/strict";
import { FrontLink } from "../../../src/cache/redis/front_link.ts";
import { SILENT } from "../../../src/logger.ts";
import { Random } from "../../../src/random.ts";
import { parseRedisUrl } from "../../../src/storage/redis/redis_address.ts";
import { makeCertificate } from "../../certificates.ts";
import { eventually } from "../../eventually.ts";
import { freePorts } from "../../free_ports.ts";
import { RedisServer, redisTest } from "../../redis_server.ts";
import { TEST_CLOCK } from "../../storage/redis_store.ts";
import { withDirectory } from "../../with_directory.ts";
import { PREFIX } from "./front_cluster.ts";

redisTest("a cache in front of Redis by TLS: commands, and changes that are told", async () => {
  await withDirectory(async (directory) => {
    const { cert, key } = await makeCertificate("localhost");
    await Deno.writeTextFile(`${directory}/cert.pem`, cert);
    await Deno.writeTextFile(`${directory}/key.pem`, key);
    const [tlsPort] = freePorts(1) as [number];
    // deno-fmt-ignore
    const flags = [
      "--tls-port", String(tlsPort), "--tls-auth-clients", "no",
      "--tls-cert-file", `${directory}/cert.pem`, "--tls-key-file", `${directory}/key.pem`,
    ];
    await RedisServer.with(flags, async (server) => {
      const changed: string[] = [];
      const linkOf = (certificates: string | null) => {
        return new FrontLink({
          address: parseRedisUrl(`rediss://localhost:${tlsPort}`)!,
          certificates,
          prefix: PREFIX,
          lineTtlMs: 10_000,
          clock: TEST_CLOCK,
          random: new Random(1),
          logger: SILENT,
        }, { changed: (name) => void changed.push(name), lost() {}, stale() {} });
      };
      const [trusting, distrusting] = [linkOf(cert), linkOf(null)];
      try {
        await eventually("it is connected", 10_000, () => assert.equal(trusting.watch, "tracking"));
        await trusting.call(["SET", `${PREFIX}k`, "1"]);
        await trusting.call(["GET", `${PREFIX}k`]);
        await server.send("SET", `${PREFIX}k`, "2");
        await eventually("the change is told", 10_000, () => {
          assert.ok(changed.includes(`${PREFIX}k`));
        });
        await eventually("who does not know the CA says so", 10_000, async () => {
          const message = /Redis at rediss:\/\/localhost:\d+ is not reached by TLS/;
          await assert.rejects(distrusting.call(["PING"]), { code: "UNAVAILABLE", message });
        });
      } finally {
        trusting.close();
        distrusting.close();
      }
    });
  });
});
