/**
 * Names that never come again: a grant is minted by the home of one term, and a version names one write under one
 * grant. Both are ordered: of one key, later grants and later writes are greater, across terms as well, because a
 * home grants only after what was before is over.
 */

export interface Grant {
  readonly term: number;
  readonly counter: number;
}

export interface Version extends Grant {
  /** Counts the writes under the grant, from 1; 0: the removal that was minted as a grant. */
  readonly write: number;
}

/** @returns below, above or 0, as `left` is before, after or the same as `right` */
export function compareGrants(left: Grant, right: Grant): number {
  return left.term - right.term || left.counter - right.counter;
}

/** @returns below, above or 0, as `left` is before, after or the same as `right` */
export function compareVersions(left: Version, right: Version): number {
  return compareGrants(left, right) || left.write - right.write;
}

export function sameGrant(left: Grant | null, right: Grant | null): boolean {
  return left !== null && right !== null && compareGrants(left, right) === 0;
}

export function sameVersion(left: Version, right: Version): boolean {
  return compareVersions(left, right) === 0;
}

/** Whether a key whose last known version is `known` (null: none ever) has this one behind it. */
export function isSettled(version: Version, known: Version | null): boolean {
  return known !== null && compareVersions(version, known) <= 0;
}

export function grantOf({ term, counter }: Version): Grant {
  return { term, counter };
}

/** The next write under a grant, over what the line holds. */
export function nextVersion({ term, counter }: Grant, over: Version | null): Version {
  const isFurther = over !== null && over.term === term && over.counter === counter;
  return { term, counter, write: isFurther ? over.write + 1 : 1 };
}

/** As callers see it: an opaque text. */
export function versionText({ term, counter, write }: Version): string {
  return `${term}.${counter}.${write}`;
}

const VERSION_TEXT = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/;

/** @returns null for a text that no write was ever named by */
export function parseVersion(text: string): Version | null {
  const [, term, counter, write] = (VERSION_TEXT.exec(text) ?? []).map(Number);
  if (term === undefined || counter === undefined || write === undefined) return null;
  const version = { term, counter, write };
  return isVersion([term, counter, write]) ? version : null;
}

/** Three counts, as versions lie in messages and commands. */
export function isVersion(fields: unknown): fields is readonly [number, number, number] {
  return Array.isArray(fields) && fields.length === 3 && fields.every(isCount);
}

/** Two counts, as grants lie in messages and commands. */
export function isGrant(fields: unknown): fields is readonly [number, number] {
  return Array.isArray(fields) && fields.length === 2 && fields.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
