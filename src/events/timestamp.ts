/**
 * Which texts are moments of ISO 8601, as events may carry: a date, or a date and a time of the day, with or without
 * seconds, a fraction and a zone. They are kept as they came, so nothing is lost of them; without a zone it is the local
 * time of whoever sent them, and it is left open which that was.
 */

const PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?:[Zz]|[+-](\d\d)(?::?(\d\d))?)?)?$/;
const HAS_FRACTION = /[.,]0*[1-9]/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether a text is such a moment, on a day that there is. A leap second is one. */
export function isTimestamp(text: string): boolean {
  const found = PATTERN.exec(text);
  if (found === null) return false;
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = found.slice(1)
    .map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false;
  if (zoneHour >= 24 || zoneMinute >= 60) return false;
  // The end of a day, which is the beginning of the next one.
  if (hour === 24) return minute === 0 && second === 0 && !HAS_FRACTION.test(text);
  return hour < 24 && minute < 60 && second <= 60;
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : DAYS[month - 1]!;
}
