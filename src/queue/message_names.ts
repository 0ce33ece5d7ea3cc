/**
 * The texts by which callers name messages and deliveries: ids that a partition gave, and receipts. The machine has
 * only their numbers, which come from one counter a partition, so that no text ever comes a second time in the
 * cluster. Both name the lane, so that whoever gets one knows where to go.
 */

/** Which lane, of which partition. */
export interface LanePlace {
  readonly group: number;
  readonly lane: number;
}

export interface Receipt {
  /** The message's. */
  readonly number: number;
  /** The delivery's. */
  readonly delivery: number;
}

const GIVEN_ID = /^skein-(\d{1,5})-(\d{1,5})-(\d{1,16})$/;
const RECEIPT = /^(\d{1,5})-(\d{1,5})-(\d{1,16})-(\d{1,16})$/;

/** The id of a message whose publisher gave none. */
export function givenId({ group, lane }: LanePlace, number: number): string {
  return `skein-${group}-${lane}-${number}`;
}

/** @returns null for any other text, which then is a caller's own id */
export function parseGivenId(id: string): (LanePlace & { readonly number: number }) | null {
  if (!id.startsWith("skein-")) return null;
  const match = GIVEN_ID.exec(id);
  if (match === null) return null;
  const place = { group: Number(match[1]), lane: Number(match[2]) };
  const number = Number(match[3]);
  // Only one text names a number: no leading zeros, nothing beyond 2^53.
  return givenId(place, number) === id && number <= Number.MAX_SAFE_INTEGER
    ? { ...place, number }
    : null;
}

export function receiptText({ group, lane }: LanePlace, { number, delivery }: Receipt): string {
  return `${group}-${lane}-${number}-${delivery}`;
}

/** @returns null for what no partition gave out */
export function parseReceipt(text: string): (LanePlace & Receipt) | null {
  const match = RECEIPT.exec(text);
  if (match === null) return null;
  const place = { group: Number(match[1]), lane: Number(match[2]) };
  const receipt = { number: Number(match[3]), delivery: Number(match[4]) };
  const isSafe = Math.max(receipt.number, receipt.delivery) <= Number.MAX_SAFE_INTEGER;
  return isSafe && receiptText(place, receipt) === text ? { ...place, ...receipt } : null;
}
