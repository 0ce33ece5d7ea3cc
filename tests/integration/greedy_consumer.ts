/**
 * A program that takes messages and then hangs: what a test kills to see what becomes of messages in flight.
 * `greedy_consumer.ts URL TOPIC COUNT` prints the receipts that it got as one line of JSON.
 */
import { SkeinClient } from "../../src/client/mod.ts";

const [url, topic, count] = Deno.args as [string, string, string];
const { queue } = new SkeinClient({ urls: [url] });
const deliveries = await queue.consume(topic, { max: Number(count), waitMs: 10_000 });
console.log(JSON.stringify(deliveries.map(({ id, receipt }) => ({ id, receipt }))));
setInterval(() => {}, 60_000);
