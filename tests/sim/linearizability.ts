/**
 * Decides whether a history of concurrent operations could have happened one at a time: the search of
 * Wing and Gong (JPDC 1993) with Lowe's memory of configurations seen (CCPE 2017). The model may be
 * nondeterministic. An operation whose outcome its caller never learned may take effect at any moment
 * after its call, or never.
 *
 * The problem is NP-complete, so the work is bounded: past the bound the verdict is `gaveUp`, never a guess.
 */

export interface Operation<Input> {
  readonly input: Input;
  readonly callMs: number;
  /** Infinity: the caller never learned what became of it. */
  readonly returnMs: number;
}

export interface Model<Input, State> {
  readonly initial: State;
  /** @returns every state that may follow when the operation takes effect now; none: it cannot */
  step(state: State, operation: Operation<Input>): readonly State[];
  /** Equal exactly for equal states. */
  keyOf(state: State): string;
}

export type Verdict = "linearizable" | "violated" | "gaveUp";

export interface Linearization<Input> {
  readonly verdict: Verdict;
  /** Configurations looked at: the work. */
  readonly configurations: number;
  /** The longest order found, for a person to see where it ends. */
  readonly longest: readonly Operation<Input>[];
}

/** A call or a return in the list of what has not been put in order yet. */
interface Event<Input> {
  readonly operation: Operation<Input>;
  readonly number: number;
  /** A call's return; null for a return itself, and for a call that never returned. */
  readonly returned: Event<Input> | null;
  readonly isCall: boolean;
  previous: Event<Input> | null;
  next: Event<Input> | null;
}

/** One operation put in order, and what else could have followed from it. */
interface Choice<Input, State> {
  readonly event: Event<Input>;
  readonly before: State;
  readonly alternatives: State[];
}

/**
 * @param operations in any order
 * @param configurationsMax the bound on the work
 */
export function checkLinearizable<Input, State>(
  operations: readonly Operation<Input>[],
  model: Model<Input, State>,
  configurationsMax: number,
): Linearization<Input> {
  const head = listEvents(operations);
  const done = new DoneSet(operations.length);
  const seen = new Set<string>();
  const choices: Choice<Input, State>[] = [];
  let longest: Operation<Input>[] = [];
  let unanswered = operations.filter((operation) => operation.returnMs !== Infinity).length;
  let state = model.initial;
  let configurations = 0;
  const result = (verdict: Verdict) => ({ verdict, configurations, longest });

  /** Those that were never seen with this set of operations done. Remembers them. */
  const unseen = (states: readonly State[]): State[] =>
    states.filter((candidate) => {
      const key = `${done.key()}|${model.keyOf(candidate)}`;
      configurations++;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  const choose = (event: Event<Input>, before: State, alternatives: State[]) => {
    state = alternatives.pop()!;
    choices.push({ event, before, alternatives });
    if (choices.length > longest.length) {
      longest = choices.map((choice) => choice.event.operation);
    }
  };

  let event = head.next;
  while (unanswered > 0) {
    if (configurations > configurationsMax) return result("gaveUp");
    if (event !== null && event.isCall) {
      done.add(event.number);
      const following = unseen(model.step(state, event.operation));
      if (following.length > 0) {
        lift(event);
        if (event.returned !== null) unanswered--;
        choose(event, state, following);
        event = head.next;
      } else {
        done.remove(event.number);
        event = event.next;
      }
      continue;
    }
    // A return whose operation could not be placed before it: go back.
    const choice = choices.pop();
    if (choice === undefined) return result("violated");
    if (choice.alternatives.length > 0) {
      choose(choice.event, choice.before, choice.alternatives);
      event = head.next;
      continue;
    }
    state = choice.before;
    done.remove(choice.event.number);
    unlift(choice.event);
    if (choice.event.returned !== null) unanswered++;
    event = choice.event.next;
  }
  return result("linearizable");
}

/** A doubly linked list in order of time, calls before returns at one moment; returns its sentinel. */
function listEvents<Input>(operations: readonly Operation<Input>[]): { next: Event<Input> | null } {
  const events: Event<Input>[] = [];
  operations.forEach((operation, number) => {
    const end = (isCall: boolean, returned: Event<Input> | null): Event<Input> => {
      const event = { operation, number, isCall, returned, previous: null, next: null };
      events.push(event);
      return event;
    };
    end(true, operation.returnMs === Infinity ? null : end(false, null));
  });
  const timeOf = (event: Event<Input>) =>
    event.isCall ? event.operation.callMs : event.operation.returnMs;
  events.sort((left, right) =>
    timeOf(left) - timeOf(right) || Number(right.isCall) - Number(left.isCall) ||
    left.number - right.number
  );
  const head = { next: null } as Event<Input>;
  let last = head;
  for (const event of events) {
    last.next = event;
    event.previous = last;
    last = event;
  }
  return head;
}

function lift<Input>(call: Event<Input>): void {
  unlink(call);
  if (call.returned !== null) unlink(call.returned);
}

/** Undoes `lift`, in the reverse order. */
function unlift<Input>(call: Event<Input>): void {
  if (call.returned !== null) relink(call.returned);
  relink(call);
}

function unlink<Input>(event: Event<Input>): void {
  event.previous!.next = event.next;
  if (event.next !== null) event.next.previous = event.previous;
}

function relink<Input>(event: Event<Input>): void {
  event.previous!.next = event;
  if (event.next !== null) event.next.previous = event;
}

/** A set of operation numbers with a short key: its words, without the full ones in front. */
class DoneSet {
  readonly #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array((size + 31) >>> 5);
  }

  add(number: number): void {
    this.#words[number >>> 5]! |= 1 << (number & 31);
  }

  remove(number: number): void {
    this.#words[number >>> 5]! &= ~(1 << (number & 31));
  }

  key(): string {
    let full = 0;
    while (full < this.#words.length && this.#words[full] === 0xffffffff) full++;
    let key = `${full}`;
    for (let word = full; word < this.#words.length; word++) {
      key += `,${this.#words[word]!.toString(36)}`;
    }
    return key;
  }
}
