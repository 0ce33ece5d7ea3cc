/**
 * A process with streams of UDX in it, told what to do by lines of JSON and telling by lines of JSON what happens. It
 * is handed the implementation, so that the original and ours play every part in turn.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

const CHUNK_BYTES = 65_536;

/** The bytes that a source writes: a block from a seed, stamped with its place. */
export function patternBlock(seed) {
  const block = Buffer.alloc(CHUNK_BYTES);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < CHUNK_BYTES; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block.writeUInt32LE(state >>> 0, at);
  }
  return block;
}

export function runActor({ UDX, SecretStream }) {
  const udx = new UDX();
  const sockets = new Map();
  const streams = new Map();

  const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

  const commands = {
    socket({ name, host = "127.0.0.1" }) {
      const socket = udx.createSocket();
      socket.bind(0, host);
      socket.on("message", (bytes) => tell({ event: "datagram", name, text: `${bytes}` }));
      sockets.set(name, socket);
      return { port: socket.address().port };
    },
    datagram({ name, text, port }) {
      return sockets.get(name).send(Buffer.from(text), port, "127.0.0.1").then((sent) => ({
        sent,
      }));
    },
    closeSocket({ name }) {
      return sockets.get(name).close().then(() => ({}));
    },
    stream({ id, framed = false }) {
      const raw = udx.createStream(id, { framed, firewall: () => false });
      const entry = { raw, used: raw };
      streams.set(id, entry);
      raw.on("error", (error) => tell({ event: "error", id, code: error.code ?? error.message }));
      raw.on("close", () => tell({ event: "close", id }));
      raw.on("message", (bytes) => tell({ event: "message", id, text: `${bytes}` }));
      raw.on("remote-changed", () => tell({ event: "remote-changed", id }));
      return {};
    },
    connect({ id, socket, remoteId, port, secret }) {
      const entry = streams.get(id);
      entry.raw.connect(sockets.get(socket), remoteId, port, "127.0.0.1");
      if (secret) {
        entry.used = new SecretStream(secret === "initiator", entry.raw);
        entry.used.on("error", (error) => tell({ event: "error", id, code: error.message }));
      }
      return {};
    },
    change({ id, socket, remoteId, port }) {
      // The original returns null where the change is done at once.
      streams.get(id).raw.changeRemote(sockets.get(socket), remoteId, port, "127.0.0.1")
        ?.catch(() => {});
      return {};
    },
    relay({ from, to }) {
      streams.get(from).raw.relayTo(streams.get(to).raw);
      return {};
    },
    source({ id, bytes, seed = 1, chunkBytes = CHUNK_BYTES, end = true }) {
      const { used } = streams.get(id);
      const block = patternBlock(seed);
      const hash = createHash("sha256");
      let written = 0;
      const more = () => {
        while (written < bytes) {
          const length = Math.min(chunkBytes, bytes - written);
          const chunk = Buffer.from(block.subarray(0, length));
          if (length >= 8) chunk.writeDoubleLE(written, 0);
          written += length;
          hash.update(chunk);
          if (!used.write(chunk)) return void used.once("drain", more);
        }
        tell({ event: "written", id, bytes: written, sha256: hash.digest("hex") });
        if (end) used.end();
      };
      more();
      return {};
    },
    sink({ id, bytes: wanted = Infinity }) {
      const { used } = streams.get(id);
      const hash = createHash("sha256");
      let bytes = 0;
      let begunMs = 0;
      const done = (event) =>
        tell({
          event,
          id,
          bytes,
          ms: performance.now() - begunMs,
          sha256: hash.digest("hex"),
        });
      used.on("data", (chunk) => {
        if (bytes === 0) begunMs = performance.now();
        bytes += chunk.byteLength;
        hash.update(chunk);
        if (bytes >= wanted) {
          wanted = Infinity;
          tell({ event: "enough", id, bytes, ms: performance.now() - begunMs });
        }
      });
      used.on("end", () => done("end"));
      return {};
    },
    echo({ id }) {
      const { used } = streams.get(id);
      used.on("data", (chunk) => used.write(chunk));
      return {};
    },
    /** One small message after another, each sent when the one before came back. */
    ping({ id, count }) {
      const { used } = streams.get(id);
      const timesMs = [];
      let sentAtMs = performance.now();
      used.on("data", () => {
        timesMs.push(performance.now() - sentAtMs);
        if (timesMs.length === count) {
          timesMs.sort((left, right) => left - right);
          const at = (part) => timesMs[Math.floor(part * (count - 1))];
          tell({ event: "pinged", id, medianMs: at(0.5), p99Ms: at(0.99) });
          return;
        }
        sentAtMs = performance.now();
        used.write(Buffer.from("ping"));
      });
      used.write(Buffer.from("ping"));
      return {};
    },
    message({ id, text }) {
      streams.get(id).raw.trySend(Buffer.from(text));
      return {};
    },
    end({ id }) {
      streams.get(id).used.end();
      return {};
    },
    destroy({ id }) {
      streams.get(id).used.destroy();
      return {};
    },
    pause({ id }) {
      streams.get(id).used.pause();
      return {};
    },
    resume({ id }) {
      streams.get(id).used.resume();
      return {};
    },
    flush({ id }) {
      return streams.get(id).raw.flush().then((flushed) => ({ flushed }));
    },
    status({ id }) {
      const { raw } = streams.get(id);
      const { mtu, rtt, cwnd, retransmits, rtoCount, fastRecoveries } = raw;
      const { packetsTransmitted, bytesTransmitted } = raw;
      const counters = {
        retransmits,
        rtoCount,
        fastRecoveries,
        packetsTransmitted,
        bytesTransmitted,
      };
      return { mtu, rtt, cwnd, ...counters };
    },
    cpu() {
      const { user, system } = process.cpuUsage();
      return { userMs: user / 1000, systemMs: system / 1000 };
    },
  };

  createInterface({ input: process.stdin }).on("line", async (line) => {
    const { command, call, ...rest } = JSON.parse(line);
    try {
      tell({ call, result: await commands[command](rest) });
    } catch (error) {
      tell({ call, failure: `${error?.stack ?? error}` });
    }
  }).on("close", () => process.exit());
}
