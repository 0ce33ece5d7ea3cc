/** Mutants of UDX: what counts on the wire, what is sent again and when, windows, bounds, ends. */
import { type Mutant, test } from "./mutant.ts";

const WIRE = test("tests/udx/wire_rules_test.ts");
const LOSS = test("tests/udx/loss_and_timers_test.ts");
const CORE = test("tests/udx/stream_core_test.ts");
const RELIABLE = test("tests/udx/reliability_test.ts");
const HOLE = test("tests/udx/black_hole_test.ts");
const LOOPBACK = test("tests/udx/loopback_test.ts");

const OUTSTANDING = "src/udx/protocol/outstanding.ts";
const FLIGHT = "src/udx/protocol/flight_control.ts";
const LOSSES = "src/udx/protocol/loss_detection.ts";
const RECEIVER = "src/udx/protocol/receiver.ts";
const ROUND_TRIP = "src/udx/protocol/round_trip.ts";
const SENDER = "src/udx/protocol/sender.ts";
const WINDOW = "src/udx/protocol/remote_window.ts";
const STREAM = "src/udx/protocol/stream_core.ts";

export const UDX_MUTANTS: readonly Mutant[] = [
  {
    name: "a SACK block may overlap the one before",
    file: OUTSTANDING,
    search: `if (from < lowest || upTo <= from || upTo > span) {`,
    replace: `if (from < 0 || upTo <= from || upTo > span) {`,
    caughtBy: [WIRE],
  },
  {
    name: "a SACK block may name what was never sent",
    file: OUTSTANDING,
    search: `if (from < lowest || upTo <= from || upTo > span) {`,
    replace: `if (from < lowest || upTo <= from || upTo > 2 * span) {`,
    caughtBy: [WIRE],
  },
  {
    name: "packets that a SACK block names twice count twice",
    file: OUTSTANDING,
    search: `      if (packet === undefined || packet.acknowledged) continue;
      this.#sacked++;`,
    replace: `      this.#sacked++;
      if (packet === undefined || packet.acknowledged) continue;`,
    caughtBy: [test("tests/udx/fuzz_test.ts")],
  },
  {
    name: "an acknowledgement of what was never sent counts",
    file: SENDER,
    search: `    if (distance(header.ack, outstanding.next) > 0) return;
`,
    replace: `    if (distance(header.ack, outstanding.next) > 1) return;
`,
    caughtBy: [WIRE],
  },
  {
    name: "the window of an older packet counts",
    file: WINDOW,
    search: `if (newer < 0 || (newer === 0 && distance(ack, this.#ack) < 0)) return false;`,
    replace: `if (newer === 0 && distance(ack, this.#ack) < 0) return false;`,
    caughtBy: [WIRE],
  },
  {
    name: "the window of an older acknowledgement counts",
    file: SENDER,
    search: `if (distance(header.ack, outstanding.first) >= 0) {`,
    replace: `{`,
    caughtBy: [WIRE],
  },
  {
    name: "the receiver's window is not looked at",
    file: SENDER,
    search: `if (!flight.mayTransmitNew(nowMs, this.#window.packets(payloadBytes))) return;`,
    replace: `if (!flight.mayTransmitNew(nowMs, Infinity)) return;`,
    caughtBy: [CORE, WIRE],
  },
  {
    name: "a window smaller than a packet is a closed one",
    file: WINDOW,
    search: `Math.max(1, Math.floor(this.#bytes / payloadBytes));`,
    replace: `Math.floor(this.#bytes / payloadBytes);`,
    caughtBy: [WIRE],
  },
  {
    name: "what is lost waits for the receiver's window",
    file: SENDER,
    search: `while (lost.first !== null && flight.mayTransmit(nowMs) && this.#mayInTurn()) {`,
    replace: `while (
      lost.first !== null && flight.mayTransmitNew(nowMs, this.#window.packets(payloadBytes)) &&
      this.#mayInTurn()
    ) {`,
    caughtBy: [WIRE],
  },
  {
    name: "a closed window is never asked for",
    file: SENDER,
    search: `        deadlines.zeroWindowAtMs = nowMs + roundTrip.rtoMs;
      }`,
    replace: `        deadlines.zeroWindowAtMs = Infinity;
      }`,
    caughtBy: [CORE],
  },
  {
    name: "what is sent again gets a new number",
    file: STREAM,
    search: `header.sequence = packet.sequence;`,
    replace: `header.sequence = packet.retransmitted ? this.sender.nextSequence : packet.sequence;`,
    caughtBy: [WIRE],
  },
  {
    name: "what is sent again acknowledges what it did at first",
    file: STREAM,
    search: `    header.ack = this.receiver.next;
    writeHeader(packet.bytes, packet.remoteId, header);`,
    replace: `    header.ack = packet.retransmitted ? 0 : this.receiver.next;
    writeHeader(packet.bytes, packet.remoteId, header);`,
    caughtBy: [WIRE],
  },
  {
    name: "padding is delivered",
    file: STREAM,
    search: `const offset = BOUNDS.headerBytes + header.paddingBytes;`,
    replace: `const offset: number = BOUNDS.headerBytes;`,
    caughtBy: [WIRE, CORE],
  },
  {
    name: "a packet that ends within its padding is an empty one",
    file: STREAM,
    search: `    if (offset > packet.length) return;
`,
    replace: ``,
    caughtBy: [WIRE],
  },
  {
    name: "an end without data is not acknowledged",
    file: STREAM,
    search: `    if ((flags & DATA_OR_END) !== 0) this.#acknowledgeSoon();
    this.#closeWhenEnded();`,
    replace: `    if ((flags & FLAGS.data) !== 0) this.#acknowledgeSoon();
    this.#closeWhenEnded();`,
    caughtBy: [WIRE],
  },
  {
    name: "an old packet destroys",
    file: STREAM,
    search: `if ((flags & FLAGS.destroy) !== 0 && this.#isCurrent(flags, sequence)) {`,
    replace:
      `if ((flags & FLAGS.destroy) !== 0 && this.#isCurrent(flags | FLAGS.data, sequence)) {`,
    caughtBy: [WIRE],
  },
  {
    name: "data that leaves swallows an acknowledgement with blocks",
    file: STREAM,
    search: `if (this.receiver.ranges.size === 0) this.#unacknowledged = 0;`,
    replace: `this.#unacknowledged = 0;`,
    caughtBy: [WIRE],
  },
  {
    name: "a heartbeat is not answered",
    file: STREAM,
    search: `else if ((header.flags & FLAGS.heartbeat) !== 0) this.#acknowledgeSoon();`,
    replace: `else if ((header.flags & FLAGS.heartbeat) !== 0) return;`,
    caughtBy: [WIRE, CORE],
  },
  {
    name: "a stream that closed in peace does not answer any more",
    file: STREAM,
    search: `    this.#fill(packet, 0);
    this.#lastWord = new LastWord(packet, this.sender.route!);
`,
    replace: ``,
    caughtBy: [CORE],
  },
  {
    name: "a stream that is over answers without end",
    file: "src/udx/protocol/last_word.ts",
    search: `this.#left-- > 0;`,
    replace: `this.#left > 0;`,
    caughtBy: [WIRE],
  },
  {
    name: "a relay outlives the reset that it passed on",
    file: STREAM,
    search: `    if ((header.flags & FLAGS.destroy) !== 0) this.#close("ECONNRESET");
`,
    replace: ``,
    caughtBy: [LOSS],
  },
  {
    name: "what destroys a relay's stream looks older than what it relayed",
    file: STREAM,
    search: `header.sequence = relays ? this.#relayedUpTo : nextSequence;`,
    replace: `header.sequence = relays ? 0 : nextSequence;`,
    caughtBy: [CORE],
  },
  {
    name: "the end is believed before what comes before it",
    file: RECEIVER,
    search: `if (this.#endAt !== null && distance(this.next, this.#endAt) > 0) this.#ended = true;`,
    replace: `if (this.#endAt !== null) this.#ended = true;`,
    caughtBy: [WIRE],
  },
  {
    name: "data past the end is kept",
    file: RECEIVER,
    search: `if (pastEnd || ahead >= BOUNDS.earlyPacketsMax || tooMuch) {`,
    replace: `if ((pastEnd && tooMuch) || ahead >= BOUNDS.earlyPacketsMax || tooMuch) {`,
    caughtBy: [WIRE],
  },
  {
    name: "one packet more than the bound may come early",
    file: RECEIVER,
    search: `if (pastEnd || ahead >= BOUNDS.earlyPacketsMax || tooMuch) {`,
    replace: `if (pastEnd || ahead > BOUNDS.earlyPacketsMax || tooMuch) {`,
    caughtBy: [WIRE],
  },
  {
    name: "the window does not follow the reader",
    file: RECEIVER,
    search: `return Math.max(0, BOUNDS.receiveWindowBytes - this.#unreadBytes - this.#earlyBytes);`,
    replace: `return BOUNDS.receiveWindowBytes;`,
    caughtBy: [WIRE, CORE],
  },
  {
    name: "the second timeout is no longer than the first",
    file: FLIGHT,
    search: `deadlines.rtoAtMs = nowMs + 2 * roundTrip.rtoMs;`,
    replace: `deadlines.rtoAtMs = nowMs + roundTrip.rtoMs;`,
    caughtBy: [LOSS],
  },
  {
    name: "a packet meets one timeout more than it may",
    file: FLIGHT,
    search: `if (packet.rtos >= BOUNDS.rtosMax) return false;`,
    replace: `if (packet.rtos > BOUNDS.rtosMax) return false;`,
    caughtBy: [LOSS],
  },
  {
    name: "a probe of the path that is lost is congestion",
    file: FLIGHT,
    search: `if (lost === probesLost || this.#recovery !== "open") return;`,
    replace: `if (lost === 0 || this.#recovery !== "open") return;`,
    caughtBy: [WIRE],
  },
  {
    name: "a probe that is lost is sent again as one",
    file: FLIGHT,
    search: `    packet.probeBytes = 0;
    mtu.probeLost();`,
    replace: `    mtu.probeLost();`,
    caughtBy: [WIRE, CORE],
  },
  {
    name: "the round trip is taken from packets that were sent twice",
    file: FLIGHT,
    search: `if (!packet.retransmitted) this.roundTrip.sample(nowMs, rttMs);`,
    replace: `this.roundTrip.sample(nowMs, rttMs);`,
    caughtBy: [LOSS],
  },
  {
    name: "a tail that is lost waits for its timeout",
    file: FLIGHT,
    search: `deadlines.tailProbeAtMs = Math.min(nowMs + delayMs, deadlines.rtoAtMs);`,
    replace: `deadlines.tailProbeAtMs = Math.max(nowMs + delayMs, deadlines.rtoAtMs);`,
    caughtBy: [LOSS],
  },
  {
    name: "the tail is probed for again and again",
    file: FLIGHT,
    search: `    this.#tailProbesLeft--;
`,
    replace: ``,
    caughtBy: [LOSS],
  },
  {
    name: "silence in recovery waits for the timeout",
    file: FLIGHT,
    search: `if (outstanding.empty || this.#tailProbesLeft === 0) return;`,
    replace:
      `if (outstanding.empty || this.#tailProbesLeft === 0 || this.#recovery !== "open") return;`,
    caughtBy: [LOSS],
  },
  {
    name: "the tail is probed for while a black hole is asked about",
    file: SENDER,
    search: `if (!flight.mayProbeTail() || this.#hole.asking) return;`,
    replace: `if (!flight.mayProbeTail()) return;`,
    caughtBy: [HOLE],
  },
  {
    name: "reordering is taken for loss",
    file: LOSSES,
    search: `if (!this.#reorderingSeen && (recovering || sacked >= SACKED_ENOUGH)) return 0;`,
    replace: `if (recovering || sacked >= SACKED_ENOUGH) return 0;`,
    caughtBy: [LOSS],
  },
  {
    name: "two packets past a hole are enough",
    file: LOSSES,
    search: `const SACKED_ENOUGH = 3;`,
    replace: `const SACKED_ENOUGH = 2;`,
    caughtBy: [LOSS],
  },
  {
    name: "the timeout has no floor",
    file: ROUND_TRIP,
    search: `BOUNDS.rtoMinMs);`,
    replace: `BOUNDS.timerGrainMs);`,
    caughtBy: [LOSS],
  },
  {
    name: "a machine's sleep is a round trip",
    file: ROUND_TRIP,
    search: `if (rttMs <= BOUNDS.outlierMs || rttMs <= usualMs) return rttMs;`,
    replace: `if (rttMs > 0) return rttMs;`,
    caughtBy: [LOSS],
  },
  {
    name: "all that the window allows leaves in one turn",
    file: SENDER,
    search: `if (this.#sentInTurn < BOUNDS.packetsPerTurnMax) return true;`,
    replace: `if (this.#sentInTurn < Infinity) return true;`,
    caughtBy: [LOSS],
  },
  {
    name: "a pause saves up for a burst",
    file: "src/udx/protocol/pacer.ts",
    search: `const mostBytes = Math.max(this.#tokenBytes, BURST_MS * bytesPerMs);`,
    replace: `const mostBytes = Infinity;`,
    caughtBy: [LOSS],
  },
  {
    name: "another remote is trusted with what the last one carried",
    file: SENDER,
    search: `this.#mtu = new PathMtu(route.family);`,
    replace: `if (this.#writtenBytes === 0) this.#mtu = new PathMtu(route.family);`,
    caughtBy: [WIRE],
  },
  {
    name: "an answer to the question about a black hole may have been under way before it",
    file: "src/udx/protocol/black_hole.ts",
    search: `nowMs >= this.#heardFromMs;`,
    replace: `nowMs >= 0;`,
    caughtBy: [HOLE],
  },
  {
    name: "a path that is dead is taken for a black hole",
    file: "src/udx/protocol/black_hole.ts",
    search: `return this.#heard ? "hole" : "dead";`,
    replace: `return "hole";`,
    caughtBy: [HOLE],
  },
  {
    name: "packets leave while a black hole is asked about",
    file: SENDER,
    search: `if (this.#route === null || this.#hole.asking) return;`,
    replace: `if (this.#route === null) return;`,
    caughtBy: [HOLE],
  },
  {
    name: "packets are cut anew though a later one has come",
    file: SENDER,
    search: `if (verdict === "dead" || outstanding.empty || outstanding.sacked > 0) return;`,
    replace: `if (verdict === "dead" || outstanding.empty) return;`,
    caughtBy: [HOLE],
  },
  {
    name: "the pipe is never full",
    file: "src/udx/protocol/bbr.ts",
    search: `const FULL_ROUNDS = 3;`,
    replace: `const FULL_ROUNDS = Infinity;`,
    caughtBy: [RELIABLE],
  },
  {
    name: "the firewall is not asked",
    file: "src/udx/udx.ts",
    search: `if (stream.socket !== socket && stream.refuses(socket, port, host)) return true;`,
    replace: `if (stream.socket === socket && stream.refuses(socket, port, host)) return true;`,
    caughtBy: [LOOPBACK],
  },
];
