/**
 * The identities of a partition's events, all that is kept in memory of an event: 16 bytes each, behind each other in
 * pages of 32 that know their topic and the offset of their first one, so that an identity's place tells its offset.
 * An index of 4-byte hashes finds them. What a topic remembers is a range of offsets up to its end.
 *
 * An identity costs 28 to 39 bytes: 16 itself, 1.5 its share of the page, 11 to 21 in the index, which is between 3/8
 * and 3/4 full. A topic has at least one page, 560 bytes.
 */
import { assert } from "../assert.ts";
import { NONE, RecordPages } from "../groups/record_pages.ts";
import { mixNumber, SlotIndex } from "../groups/slot_index.ts";
import { sortBy } from "../groups/slot_sort.ts";
import { IDENTITY_WORDS, identityWord } from "./identity.ts";

const PAGE_BITS = 5;
const PAGE_IDENTITIES = 1 << PAGE_BITS;
const IN_PAGE = PAGE_IDENTITIES - 1;

/** The first word is the topic's index + 1. */
const WORD = { topic: 0, firstOffset: 1, lastMs: 2 } as const;
const HALF = { count: 6 } as const;
/** Halves 8 and on are the identities. */
const IDENTITIES_AT = 8;
const STORED_WORDS = (IDENTITIES_AT + PAGE_IDENTITIES * IDENTITY_WORDS) / 2;
/** The page of the same topic behind this one. The last half links free slots. */
const LINK = { next: 2 * STORED_WORDS } as const;
const LOCAL_WORDS = 1;

/** The pages of one topic. */
export interface IdentityRange {
  /** The topic's index. */
  readonly index: number;
  firstPage: number;
  lastPage: number;
  /** How many are remembered. */
  identities: number;
}

export class IdentityTable extends RecordPages {
  readonly #index = new SlotIndex();
  #count = 0;
  /** What is looked for, so that a search makes no object. */
  readonly #wanted = { topic: 0, words: new Int32Array(IDENTITY_WORDS) };
  readonly #isWanted = (reference: number): boolean => this.#matches(reference);

  constructor() {
    super(STORED_WORDS, LOCAL_WORDS);
  }

  /** Of all topics. */
  get count(): number {
    return this.#count;
  }

  /** @returns the offset of the event with this identity; NONE where none is remembered */
  find(topic: number, identities: Uint8Array, place: number): number {
    const { words } = this.#wanted;
    this.#wanted.topic = topic + 1;
    for (let word = 0; word < IDENTITY_WORDS; word++) {
      words[word] = identityWord(identities, place, word);
    }
    const found = this.#index.find(hashOf(topic, words[0]!), this.#isWanted);
    if (found === NONE) return NONE;
    return this.word(found >>> PAGE_BITS, WORD.firstOffset) + (found & IN_PAGE);
  }

  #matches(reference: number): boolean {
    const page = reference >>> PAGE_BITS;
    if (this.word(page, WORD.topic) !== this.#wanted.topic) return false;
    const at = placeOf(reference);
    const { words } = this.#wanted;
    for (let word = 0; word < IDENTITY_WORDS; word++) {
      if (this.half(page, at + word) !== words[word]) return false;
    }
    return true;
  }

  /**
   * Remembers one that `find` does not find.
   * @param offset the one behind the topic's last
   * @param timeMs when it is stored, not before that of the topic's last
   */
  append(
    range: IdentityRange,
    offset: number,
    timeMs: number,
    identities: Uint8Array,
    place: number,
  ): void {
    const page = this.#pageFor(range, offset);
    const count = this.half(page, HALF.count);
    const reference = page << PAGE_BITS | count;
    const at = placeOf(reference);
    for (let word = 0; word < IDENTITY_WORDS; word++) {
      this.setHalf(page, at + word, identityWord(identities, place, word));
    }
    this.setHalf(page, HALF.count, count + 1);
    this.setWord(page, WORD.lastMs, timeMs);
    this.#index.add(hashOf(range.index, this.half(page, at)), reference);
    range.identities++;
    this.#count++;
  }

  #pageFor(range: IdentityRange, offset: number): number {
    const { lastPage } = range;
    if (lastPage !== NONE && this.half(lastPage, HALF.count) < PAGE_IDENTITIES) return lastPage;
    const page = this.allocate(range.index + 1);
    this.setWord(page, WORD.firstOffset, offset);
    this.#link(range, page);
    return page;
  }

  #link(range: IdentityRange, page: number): void {
    this.setLocal(page, LINK.next, NONE);
    if (range.lastPage === NONE) range.firstPage = page;
    else this.setLocal(range.lastPage, LINK.next, page);
    range.lastPage = page;
  }

  /** When the last one of the topic's oldest page was stored; Infinity where nothing is remembered of it. */
  oldestPageMs({ firstPage }: IdentityRange): number {
    return firstPage === NONE ? Infinity : this.word(firstPage, WORD.lastMs);
  }

  /** Forgets the topic's oldest page. @returns how many identities that were */
  forgetPage(range: IdentityRange): number {
    const page = range.firstPage;
    assert(page !== NONE, "a page that is forgotten is there");
    const count = this.half(page, HALF.count);
    for (let place = 0; place < count; place++) {
      const reference = page << PAGE_BITS | place;
      this.#index.remove(hashOf(range.index, this.half(page, placeOf(reference))), reference);
    }
    range.firstPage = this.half(page, LINK.next);
    if (range.firstPage === NONE) range.lastPage = NONE;
    range.identities -= count;
    this.#count -= count;
    this.release(page);
    return count;
  }

  override clear(): void {
    super.clear();
    this.#index.clear();
    this.#count = 0;
  }

  /** Pages were loaded: gives each topic its own. @param rangeOf by the topic's index */
  arrange(rangeOf: (index: number) => IdentityRange): void {
    const pages = [...this.slots()];
    sortBy(pages, (page) => this.word(page, WORD.firstOffset));
    for (const page of pages) {
      const range = rangeOf(this.word(page, WORD.topic) - 1);
      this.#link(range, page);
      const count = this.half(page, HALF.count);
      range.identities += count;
      this.#count += count;
      for (let place = 0; place < count; place++) {
        const reference = page << PAGE_BITS | place;
        this.#index.add(hashOf(range.index, this.half(page, placeOf(reference))), reference);
      }
    }
  }

  /** @param nextOffsetOf the end of the topic of this index */
  checkInvariants(
    ranges: Iterable<IdentityRange>,
    nextOffsetOf: (index: number) => number,
  ): void {
    this.checkPages();
    let [identities, pages] = [0, 0];
    for (const range of ranges) {
      let inRange = 0;
      let offset = NONE;
      for (let page = range.firstPage; page !== NONE; page = this.half(page, LINK.next)) {
        const firstOffset = this.word(page, WORD.firstOffset);
        const count = this.half(page, HALF.count);
        assert(this.word(page, WORD.topic) === range.index + 1, "a page is of its topic");
        assert(offset === NONE || offset === firstOffset, "what is remembered has no gap");
        assert(count > 0 && count <= PAGE_IDENTITIES, "a page has identities");
        offset = firstOffset + count;
        inRange += count;
        pages++;
      }
      assert(inRange === range.identities, "a topic counts its identities");
      const end = nextOffsetOf(range.index);
      assert(offset === NONE || offset === end, "what is remembered goes up to the topic's end");
      identities += inRange;
    }
    assert(identities === this.#count && pages === this.live, "every page is some topic's");
    this.#index.checkInvariants(identities, (reference) => {
      const page = reference >>> PAGE_BITS;
      return hashOf(this.word(page, WORD.topic) - 1, this.half(page, placeOf(reference)));
    });
  }
}

/** The half of its page where an identity begins. */
function placeOf(reference: number): number {
  return IDENTITIES_AT + IDENTITY_WORDS * (reference & IN_PAGE);
}

/** Identities are mixed well already; the same id in several topics must not lie in one place. */
function hashOf(topic: number, word: number): number {
  return word ^ mixNumber(topic);
}
