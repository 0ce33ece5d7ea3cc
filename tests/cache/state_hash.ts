/** Texts of the parts of worlds, and their hash. Parts are shared by many worlds, and never change. */
const texts = new WeakMap<object, string>();

/** @param part whose form as a text is remembered */
export function textOf(part: object): string {
  let text = texts.get(part);
  if (text === undefined) texts.set(part, text = JSON.stringify(part));
  return text;
}

/**
 * A hash of 53 bits of a text (cyrb53 by bryc, public domain): a million worlds collide with a probability of about
 * one in twenty thousand, and a collision only leaves one of them out.
 */
export function cyrb53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
