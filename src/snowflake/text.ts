import { refuse } from '../core/check.ts';

/*
 * Texts of fixed width whose characters stand in the order of ASCII, so that texts sort as the ids do.
 * A text is made and read in two parts, because each of them fits a number.
 */

/** Digits in ascending order, how many of them an id takes, and how many of those make the lower part. */
interface Alphabet {
  readonly name: string;
  readonly digits: string;
  readonly width: number;
  readonly lowWidth: number;
  /** The number of values of the lower part. */
  readonly split: bigint;
}

const base62: Alphabet = {
  name: 'base62',
  digits: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  width: 11,
  lowWidth: 5,
  split: 916_132_832n,
};

const crockford: Alphabet = {
  name: 'Crockford base32',
  digits: '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
  width: 13,
  lowWidth: 6,
  split: 1_073_741_824n,
};

const hex: Alphabet = { name: 'hex', digits: '0123456789abcdef', width: 16, lowWidth: 8, split: 4_294_967_296n };

/** The largest 64-bit number. */
const LARGEST = 0xffff_ffff_ffff_ffffn;

function toText(id: bigint, { digits, width, lowWidth, split }: Alphabet): string {
  if (typeof id !== 'bigint' || id < 0n || id > LARGEST) refuse('id', 'a bigint of 64 bits without sign', id);
  return write(Number(id / split), width - lowWidth, digits) + write(Number(id % split), lowWidth, digits);
}

function write(value: number, width: number, digits: string): string {
  let text = '';
  for (let rest = value; text.length < width; rest = Math.floor(rest / digits.length)) {
    text = digits[rest % digits.length]! + text;
  }
  return text;
}

function fromText(text: string, { name, digits, width, lowWidth, split }: Alphabet): bigint {
  const isFit = typeof text === 'string' && text.length === width;
  const upper = isFit ? read(text.slice(0, -lowWidth), digits) : NaN;
  const lower = isFit ? read(text.slice(-lowWidth), digits) : NaN;
  const id = upper + lower >= 0 ? BigInt(upper) * split + BigInt(lower) : -1n;
  return id >= 0n && id <= LARGEST ? id : refuse('text', `${width} characters of ${name}, up to 64 bits`, text);
}

/** The value of a text, NaN where a character is no digit. */
function read(text: string, digits: string): number {
  let value = 0;
  for (const character of text) {
    const digit = digits.indexOf(character);
    value = digit < 0 ? NaN : value * digits.length + digit;
  }
  return value;
}

/**
 * The id as 11 characters 0-9, A-Z, a-z, which sort as the ids do in ASCII order. RangeError or TypeError for
 * what is no bigint of 64 bits.
 *
 * @example
 * ```ts
 * import { fromBase62, toBase62 } from 'holdfast/snowflake';
 *
 * console.log(toBase62(913_689_048_164_356_096n), fromBase62(toBase62(1n))); // 15Uhk4XPa6q 1n
 * ```
 */
export function toBase62(id: bigint): string {
  return toText(id, base62);
}

/** The id of such a text. RangeError or TypeError for every other text. */
export function fromBase62(text: string): bigint {
  return fromText(text, base62);
}

/** The id as 13 characters of Crockford's base32, upper case, which sort as the ids do. Throws as {@link toBase62} does. */
export function toCrockford(id: bigint): string {
  return toText(id, crockford);
}

/** The id of such a text. RangeError or TypeError for every other text, lower case and look-alikes included. */
export function fromCrockford(text: string): bigint {
  return fromText(text, crockford);
}

/** The id as 16 hexadecimal characters, lower case, which sort as the ids do. Throws as {@link toBase62} does. */
export function toHex(id: bigint): string {
  return toText(id, hex);
}

/** The id of such a text. RangeError or TypeError for every other text, upper case included. */
export function fromHex(text: string): bigint {
  return fromText(text, hex);
}
