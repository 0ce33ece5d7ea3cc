/** Who the peers of these tests are. */
export const SELF_ID = "a".repeat(64);
export const OTHER_ID = "b".repeat(64);
