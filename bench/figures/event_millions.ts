/**
 * A topic of five million events: what they take of memory, how soon peers are ready again with them, and whether
 * publishing and reading at the end are as fast as at the beginning.
 */
import assert from "node:assert/strict";
import { HttpSocket } from "../peers/load.ts";
import { eventually } from "../peers/processes.ts";
import { BATCH_SIZE, bodyOf } from "../peers/queue_loads.ts";
import { type SkeinSystem, startSkein } from "../peers/skein.ts";
import { count, type Figure, quantile } from "./figure.ts";

const EVENTS = 5_000_000;
const CLIENTS = 24;
/** Of these each rate is measured, several times in turn. */
const SLICE = 96_000;
const TURNS = 3;
const PAGES = 20;
const PAGE_EVENTS = 1_000;
const READY_MS_MAX = 120_000;
const TOPIC = "millions";

export async function* eventMillions(): AsyncGenerator<Figure> {
  const system = await startSkein();
  try {
    const filled = await publish(system, TOPIC, 0, EVENTS);
    yield {
      name: `${count(EVENTS)} events into one topic, in batches of 100, a second`,
      measured: count(filled),
      aim: "told",
    };
    const rates: { readonly full: number[]; readonly empty: number[] } = { full: [], empty: [] };
    for (let turn = 0; turn < TURNS; turn++) {
      rates.full.push(await publish(system, TOPIC, EVENTS + turn * SLICE, SLICE));
      rates.empty.push(await publish(system, `empty-${turn}`, 0, SLICE));
    }
    yield {
      name: "publishing to it then, over publishing to an empty topic",
      measured: (quantile(rates.full, 0.5) / quantile(rates.empty, 0.5)).toFixed(2),
      aim: "≥ 0.9",
    };
    yield memory("peak resident memory of each peer by then, MB", system);
    yield await pages("a page of 1,000 at its end over one at its start", system);

    await system.processes.killAll();
    const restarted = performance.now();
    system.restart();
    await eventually("the restarted cluster", READY_MS_MAX, system.ready, 5);
    yield {
      name: "all three peers after kill -9 until all are ready with them",
      measured: `${(performance.now() - restarted).toFixed(0)} ms`,
      aim: "< 15,000 ms",
    };
    await checkKnown(system);
    yield memory("peak resident memory of each peer since then, MB", system);
  } finally {
    await system.stop();
  }
}

function batchOf(topic: string, first: number) {
  return Array.from({ length: BATCH_SIZE }, (_, place) => {
    const number = first + place;
    return { topic, event_id: `event-${number}`, payload: bodyOf(0, number) };
  });
}

/** @returns events a second */
async function publish(
  { addressOf }: SkeinSystem,
  topic: string,
  first: number,
  events: number,
): Promise<number> {
  let next = first;
  const began = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    const socket = await HttpSocket.connect(addressOf(client));
    while (next < first + events) {
      const batch = batchOf(topic, next);
      next += BATCH_SIZE;
      const { status, body } = await socket.post("/publish", batch);
      assert.equal(status, 200, body);
    }
    socket.close();
  }));
  return events / (performance.now() - began) * 1_000;
}

async function pages(name: string, { urls }: SkeinSystem): Promise<Figure> {
  const times = { start: [] as number[], end: [] as number[] };
  for (let page = 0; page < PAGES; page++) {
    const place = page * PAGE_EVENTS;
    for (const [where, first] of [["start", place], ["end", EVENTS - place]] as const) {
      const after = where === "start" ? first : first - PAGE_EVENTS;
      const query = `topic=${TOPIC}&after=${after}&limit=${PAGE_EVENTS}`;
      const from = performance.now();
      const response = await fetch(`${urls[page % urls.length]}/events?${query}`);
      const { events } = await response.json();
      times[where].push(performance.now() - from);
      assert.deepEqual([events.length, events[0].offset], [PAGE_EVENTS, after + 1]);
    }
  }
  const [start, end] = [quantile(times.start, 0.5), quantile(times.end, 0.5)];
  const measured = `${(end / start).toFixed(2)} (${start.toFixed(1)} ms, ${end.toFixed(1)} ms)`;
  return { name, measured, aim: "about 1" };
}

/** @throws {Error} where the first events are not known any more */
async function checkKnown({ addressOf }: SkeinSystem): Promise<void> {
  const socket = await HttpSocket.connect(addressOf(0));
  const { status, body } = await socket.post("/publish", batchOf(TOPIC, 0));
  socket.close();
  assert.equal(status, 200, body);
  assert.equal(JSON.parse(body).duplicates, BATCH_SIZE);
}

function memory(name: string, { processes }: SkeinSystem): Figure {
  const measured = processes.usage().map(({ peakResidentBytes }) => {
    return Math.round(peakResidentBytes / 1e6);
  });
  return { name, measured: measured.join(", "), aim: "≤ 700" };
}
