/**
 * The one error that callers see. A `SkeinError` has a `code` that scripts can compare; `http/` renders
 * it as a status and a JSON body, `cli/` as a line and an exit code, each in one place. Expected
 * outcomes inside the program are discriminated unions, not exceptions; this class is for what reaches
 * a user. Nothing here does I/O.
 */

/** Every code that a caller can meet, with the HTTP status that renders it. */
export const ERROR_STATUS = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  LOCK_HELD: 409,
  NOT_HELD: 409,
  DEADLOCK: 409,
  LEASE_EXPIRED: 409,
  STALE_RECEIPT: 409,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  INVALID: 422,
  REQUEST_ID_REUSED: 422,
  TOO_MANY_REQUESTS: 429,
  INTERNAL: 500,
  NO_LEADER: 503,
  NOT_LEADER: 503,
  STORAGE_FAILED: 503,
  SHUTTING_DOWN: 503,
  UNAVAILABLE: 503,
  /** Of a batch; its details say of each part what became of it. */
  PARTIAL_FAILURE: 503,
  OUTCOME_UNKNOWN: 504,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** @returns the code that is named so; INTERNAL for one that only another version knows */
export function errorCodeOf(name: string): ErrorCode {
  return Object.hasOwn(ERROR_STATUS, name) ? name as ErrorCode : "INTERNAL";
}

/** An error for a caller: `message` says what could not be done first, then the value in the way. */
export class SkeinError extends Error {
  override readonly name = "SkeinError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param code which kind of error
   * @param message one sentence for a person
   * @param details further fields of the JSON answer, such as `leader` or `cycle`
   */
  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}
