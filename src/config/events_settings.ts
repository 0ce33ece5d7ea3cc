/**
 * The settings of the event log: how many ids a partition remembers, and what retention takes away. By default nothing is
 * taken away and no id is forgotten. A publish carries the bound of the peer that it came to; retention is that of the
 * peer which leads a partition.
 */
import { integer, seconds, size } from "./formats.ts";
import { setting } from "./setting.ts";

const KIB = 1024;
const GIB = KIB ** 3;
const CENTURY_SECONDS = 3_155_760_000;

export const EVENTS_SETTINGS = {
  eventsMaxIdentities: setting({
    section: "Services",
    flag: "events-max-identities",
    placeholder: "N",
    environment: [{ name: "EVENTS_MAX_IDENTITIES" }],
    format: integer(1, 1_000_000_000),
    default: "20000000",
    shared: true,
    help:
      "ids of events that a partition remembers, about 33 bytes each; past it publishing is refused",
  }),
  eventsForgetAfter: setting({
    section: "Services",
    flag: "events-forget-after",
    placeholder: "SECONDS",
    environment: [{ name: "EVENTS_FORGET_AFTER" }],
    format: seconds(1, CENTURY_SECONDS),
    default: null,
    defaultText: "never",
    shared: true,
    help:
      "forget the id of an event that was stored so long ago; published again it is stored again",
  }),
  eventsRetainAge: setting({
    section: "Services",
    flag: "events-retain-age",
    placeholder: "SECONDS",
    environment: [{ name: "EVENTS_RETAIN_AGE" }],
    format: seconds(1, CENTURY_SECONDS),
    default: null,
    defaultText: "for ever",
    shared: true,
    help: "take events away that are older; their ids stay",
  }),
  eventsRetainCount: setting({
    section: "Services",
    flag: "events-retain-count",
    placeholder: "N",
    environment: [{ name: "EVENTS_RETAIN_COUNT" }],
    format: integer(1, 1_000_000_000_000),
    default: null,
    defaultText: "all",
    shared: true,
    help: "keep about so many events of a topic, the newest; the ids of the others stay",
  }),
  eventsRetainBytes: setting({
    section: "Services",
    flag: "events-retain-bytes",
    placeholder: "SIZE",
    environment: [{ name: "EVENTS_RETAIN_BYTES" }],
    format: size(KIB, 1024 * GIB),
    default: null,
    defaultText: "all",
    shared: true,
    help: "keep about so many bytes of events of a topic, the newest; the ids of the others stay",
  }),
};
