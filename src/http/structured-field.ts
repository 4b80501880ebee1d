import { refuse } from '../core/check.ts';

/*
 * The three kinds of values of RFC 9651 (structured field values) that the RateLimit fields need.
 * What is written here parses as a List item or a parameter, whatever it was made of.
 */

/** The largest Integer of RFC 9651, section 3.3.1: fifteen digits. */
const LARGEST_INTEGER = 999_999_999_999_999;

/** Whether a text can be a String of RFC 9651, section 3.3.3. */
export function isPrintableAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** A String. Refuses what the format cannot hold, so that no name can end a header line. */
export function stringField(name: string, text: string): string {
  if (!isPrintableAscii(text)) refuse(name, 'printable ASCII', text);
  return `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
}

/** An Integer: rounded down, and no more than the format can hold, so that it never promises too much. */
export function integerField(value: number): number {
  return Math.min(Math.max(Math.floor(value), 0), LARGEST_INTEGER);
}

/** Milliseconds as whole seconds, rounded up and at least one: what a client that waits them never finds too short. */
export function secondsField(ms: number): number {
  return integerField(Math.max(Math.ceil(ms / 1_000), 1));
}

/** A Byte Sequence; text is taken as its UTF-8 bytes. */
export function bytesField(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `:${btoa(binary)}:`;
}
