import { systemClock } from '../core/clock.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/*
 * The three forms of HTTP-date (RFC 9110, section 5.6.7). `Date.parse` is not used: it takes much
 * else, and reads the asctime form as local time.
 */
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/;
const RFC_850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/;
const ASCTIME =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/;

/** A two-digit year is at most 50 years ahead, else one of the past (RFC 9110, section 5.6.7). */
function fullYear(year: number, nowEpochMs: number): number {
  const latest = new Date(nowEpochMs).getUTCFullYear() + 50;
  const inThatCentury = latest - (latest % 100) + year;
  return inThatCentury > latest ? inThatCentury - 100 : inThatCentury;
}

function parseHttpDate(text: string, nowEpochMs: number): number | undefined {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups;
  if (!groups) return undefined;
  const { day = '', month = '', year = '', time = '' } = groups;
  const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number);
  const monthIndex = MONTHS.indexOf(month);
  const exactYear = year.length === 2 ? fullYear(Number(year), nowEpochMs) : Number(year);
  const date = new Date(0);
  date.setUTCFullYear(exactYear, monthIndex, Number(day));
  const isRealDay = monthIndex >= 0 && date.getUTCDate() === Number(day);
  // 60 is a leap second.
  if (!isRealDay || hour > 23 || minute > 59 || second > 60) return undefined;
  return date.setUTCHours(hour, minute, second);
}

/**
 * Reads the value of a `Retry-After` header: milliseconds to wait, or `undefined` for no value or
 * one that is none.
 *
 * Takes delay-seconds and the three forms of HTTP-date, all as GMT; a date in the past is 0. The
 * value is the server's: cap it before use, as `retry` does with `maxRetryAfterMs`.
 *
 * @param nowEpochMs - Unix time in milliseconds that dates are held against; the system's by default.
 */
export function parseRetryAfter(value: string | null | undefined, nowEpochMs?: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const now = nowEpochMs ?? systemClock.epochMs();
  const dateMs = parseHttpDate(text, now);
  return dateMs === undefined ? undefined : Math.max(0, dateMs - now);
}
