/**
 * Sorts slots by a number of their records. A million of them may be due at once, and a comparator that
 * looks both up each time would take most of a second: so number and slot are packed into one double, as far as they
 * fit, and sorted without a comparator.
 */

/** Below it a plain sort is as fast. */
const PACKED_MIN = 64;

/**
 * @param slots are put in order
 * @param keyOf a slot → a whole number of its own, at least 0
 */
export function sortBy(slots: number[], keyOf: (slot: number) => number): void {
  let [low, high, slotMax] = [Infinity, -Infinity, 0];
  let isSorted = true;
  for (const slot of slots) {
    const key = keyOf(slot);
    if (key < high) isSorted = false;
    else high = key;
    if (key < low) low = key;
    if (slot > slotMax) slotMax = slot;
  }
  if (isSorted) return;
  const span = slotMax + 1;
  const fits = (high - low + 1) * span <= Number.MAX_SAFE_INTEGER;
  if (slots.length < PACKED_MIN || !fits) {
    slots.sort((a, b) => keyOf(a) - keyOf(b));
    return;
  }
  const packed = new Float64Array(slots.length);
  for (let at = 0; at < slots.length; at++) {
    packed[at] = (keyOf(slots[at]!) - low) * span + slots[at]!;
  }
  packed.sort();
  for (let at = 0; at < slots.length; at++) slots[at] = packed[at]! % span;
}
