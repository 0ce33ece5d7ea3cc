/**
 * A registry of prom-client whose metrics are read when they are scraped, and cost nothing in between. Each is
 * defined by a function that reports its values.
 */
import { Counter, Gauge, Registry } from "prom-client";
import { SkeinError } from "../errors.ts";

export type Labels = Record<string, string | number>;
/** Reports one value of a metric while it is scraped. */
type Report = (value: number, labels?: Labels) => void;

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** Called at every scrape; what it does not report is not shown. */
  readonly read: (report: Report) => void;
}

export class MetricSet {
  readonly registry = new Registry();

  gauge({ name, help, labelNames = [], read }: Definition): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        readIfKnown(read, (value, labels = {}) => this.set(labels, value));
      },
    });
  }

  counter({ name, help, labelNames = [], read }: Definition): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        this.reset();
        readIfKnown(read, (value, labels = {}) => this.inc(labels, value));
      },
    });
  }
}

/** What a peer cannot tell now, not formed yet or with its storage failed, must not hide what it can. */
function readIfKnown(read: Definition["read"], report: Report): void {
  try {
    read(report);
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
  }
}
