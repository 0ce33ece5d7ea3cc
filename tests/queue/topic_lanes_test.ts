import assert from "node:assert/strict";
import type { LaneAddress } from "../../src/queue/commands.ts";
import { decodeSettings, DEFAULT_TOPIC_OPTIONS } from "../../src/queue/topic_options.ts";
import { JOBS, refusal, TopicTable } from "./topic_table.ts";

const settings = { options: { ...DEFAULT_TOPIC_OPTIONS, lanes: 3 }, revision: 1 };
const HOME: LaneAddress = { topic: "mail", lane: 0, lanes: 3, settings: null };
const SECOND: LaneAddress = { topic: "mail", lane: 1, lanes: 3, settings: null };

Deno.test("the home merges what is changed, and counts revisions", () => {
  const table = new TopicTable();
  const first = table.configure({ lanes: 3 }, "mail").answer;
  assert.deepEqual(first, { kind: "configured", settings });
  const paused = { options: { ...settings.options, paused: true, maxAttempts: 3 }, revision: 2 };
  const second = table.configure({ paused: true, maxAttempts: 3 }, "mail").answer;
  assert.deepEqual(second, { kind: "configured", settings: paused });
  const same = table.configure({ lanes: 3, maxAttempts: 3 }, "mail").answer;
  assert.deepEqual(same, { kind: "configured", settings: paused }, "nothing has changed");
});

Deno.test("the number of lanes is fixed, and whoever takes it for another one is told so", () => {
  const table = new TopicTable();
  table.configure({ lanes: 3 }, "mail");
  assert.equal(refusal(table.configure({ lanes: 2 }, "mail")), "CONFLICT");
  const { answer } = table.publish(["a"], {}, { ...JOBS, topic: "mail" });
  assert.ok("refused" in answer);
  assert.equal(answer.refused.code, "CONFLICT");
  assert.deepEqual(decodeSettings(answer.refused.details.settings), settings);
  assert.equal(refusal(table.publish(["a"], {}, HOME)), null);
  table.publish(["a"]);
  assert.equal(refusal(table.configure({ lanes: 2 })), "CONFLICT", "made with one lane");
});

Deno.test("a lane that is new comes with the home's settings, or not at all", () => {
  const table = new TopicTable();
  assert.equal(refusal(table.publish(["a"], {}, HOME)), "NOT_FOUND", "nobody made such a topic");
  assert.equal(refusal(table.publish(["a"], {}, SECOND)), "NOT_FOUND");
  assert.equal(refusal(table.publish(["a"], {}, { ...SECOND, settings })), null);
  assert.equal(refusal(table.publish(["b"], {}, SECOND)), null, "from now on it is there");
  assert.deepEqual(table.view("mail", 1).settings, settings);
  assert.equal(table.view("mail", 1).ready, 2);
});

Deno.test("a lane adopts newer settings from whoever brings them, and no older ones", () => {
  const table = new TopicTable();
  const at = (revision: number, paused: boolean) => {
    return { options: { ...settings.options, paused }, revision };
  };
  const adopt = (revision: number, paused: boolean) =>
    table.apply({ kind: "adopt", topic: "mail", lane: 1, settings: at(revision, paused) });
  adopt(5, true);
  assert.deepEqual(adopt(4, false).answer, { kind: "configured", settings: at(5, true) });
  assert.deepEqual(table.publish(["a"], {}, SECOND).effects, []);
  const ready = { kind: "ready", topic: "mail", lane: 1 };
  assert.deepEqual(adopt(6, false).effects, [ready]);
  adopt(7, true);
  const resumed = { ...SECOND, settings: at(8, false) };
  assert.deepEqual(table.publish(["b"], { delayMs: 100 }, resumed).effects, [ready]);
  const other = { ...settings, options: { ...settings.options, lanes: 2 }, revision: 9 };
  const wrong = table.apply({ kind: "adopt", topic: "mail", lane: 1, settings: other });
  assert.equal(refusal(wrong), "CONFLICT");
});

Deno.test("each lane has its own order, ids and window", () => {
  const table = new TopicTable();
  table.configure({ lanes: 3 }, "mail");
  table.publish(["a"], {}, HOME);
  const { answer } = table.publish(["a"], {}, { ...SECOND, settings });
  assert.deepEqual("duplicates" in answer && answer.duplicates, []);
  assert.equal(table.view("mail", 0).ready, 1);
  assert.equal(table.view("mail", 1).ready, 1);
  const lanes = [...table.machine.lanes()].map(({ topic, lane }) => `${topic}/${lane}`);
  assert.deepEqual(lanes.sort(), ["mail/0", "mail/1"]);
});
