import { integer, refuse } from '../core/check.ts';
import type { Address } from './address.ts';
import { masked, parseAddress } from './address.ts';

/** Header fields as a fetch API or Node has them. */
export type HeadersLike =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** What {@link clientIp} looks at: a request of Node, express or fastify, or such an object. */
export interface ClientIpRequest {
  /** Address of the other end of the connection, where there is no `socket` that has it. */
  readonly remoteAddress?: string | undefined;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
  readonly headers: HeadersLike;
}

/** Options of {@link clientIp}. */
export interface ClientIpOptions {
  /**
   * The proxies in front of this server that are believed: how many, or which addresses (`'10.0.0.0/8'`, `'::1'`).
   *
   * A number is right only if nobody can reach this server on a shorter way; addresses are right in any case.
   *
   * @defaultValue 0: nobody is believed, the client is the other end of the connection
   */
  readonly trustedProxies?: number | readonly string[] | undefined;
  /**
   * The header that every one of these proxies appends the address of its client to, or replaces:
   * `forwarded` is read as RFC 7239 has it, any other as a list of addresses.
   *
   * @defaultValue 'x-forwarded-for'
   */
  readonly header?: string | undefined;
}

function fieldOf(headers: HeadersLike, name: string): string {
  const value =
    typeof headers.get === 'function'
      ? headers.get(name)
      : (headers as Record<string, string | readonly string[] | undefined>)[name];
  return typeof value === 'string' ? value : (value?.join(',') ?? '');
}

/**
 * The elements of a list, the last one first. Read from the right, because the right end was written by the
 * proxies next to us: a quote that a client left open must not swallow what they appended.
 */
function elementsOf(field: string): string[] {
  const elements: string[] = [];
  let end = field.length;
  let isQuoted = false;
  for (let k = end - 1; k >= 0; k--) {
    if (field[k] === '"' && !isEscaped(field, k)) isQuoted = !isQuoted;
    if (field[k] !== ',' || isQuoted) continue;
    elements.push(field.slice(k + 1, end));
    end = k;
  }
  return [...elements, field.slice(0, end)].map((element) => element.trim()).filter(Boolean);
}

function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === '\\') before--;
  return (at - before) % 2 === 1;
}

const PAIR = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(?:;|$)/y;

/** The `for` of one element of `Forwarded`; undefined when it has none or is malformed before it. */
function forOf(element: string): string | undefined {
  const pair = new RegExp(PAIR);
  for (let found = pair.exec(element); found; found = pair.exec(element)) {
    const [, name = '', quoted, plain] = found;
    if (name.toLowerCase() === 'for') return quoted ?? plain;
  }
  return undefined;
}

/** A node without its port and brackets: `1.2.3.4:80`, `[2001:db8::1]:80`. */
function hostOf(node: string): string {
  const [, bracketed, ipv4] = /^(?:\[(.*)\]|([\d.]+))(?::[\w.-]+)?$/.exec(node) ?? [];
  return bracketed ?? ipv4 ?? node;
}

type IsTrusted = (address: Address) => boolean;

function rangeOf(range: string): IsTrusted {
  const [text = '', bits, ...more] = range.split('/');
  const address = parseAddress(text);
  // IPv4 is held as the last 32 of 128 bits.
  const bitsBefore = text.includes(':') ? 0 : 96;
  const prefix = bits === undefined ? 128 : /^\d+$/.test(bits) ? Number(bits) + bitsBefore : NaN;
  if (!address || !(prefix <= 128) || more.length > 0) refuse('trustedProxies', 'a number, addresses or CIDRs', range);
  const wanted = masked(address, prefix).join();
  return (candidate) => masked(candidate, prefix).join() === wanted;
}

/**
 * The address of the client that sent a request, as far as it can be known: never one that only an
 * untrusted party claims.
 *
 * Goes from the other end of the connection back through the entries of the header, from the right, as long as
 * it meets trusted proxies. `undefined` where the next one is no address (`unknown`, a name). With a number of
 * trusted proxies, an unknown other end, as on a Unix socket, counts as one of them. O(entries + ranges).
 *
 * @example
 * ```ts
 * import { clientIp, ipKey } from 'holdfast/http';
 *
 * const request = { remoteAddress: '10.0.0.5', headers: { 'x-forwarded-for': '6.6.6.6, 192.0.2.7' } };
 * clientIp(request); // '10.0.0.5': no proxy is trusted
 * ipKey(clientIp(request, { trustedProxies: ['10.0.0.0/8'] })); // '192.0.2.7'; the client itself wrote '6.6.6.6'
 * ```
 *
 * @throws RangeError or TypeError when `trustedProxies` is neither a number of proxies nor ranges of addresses.
 */
export function clientIp(request: ClientIpRequest, options: ClientIpOptions = {}): string | undefined {
  const { trustedProxies = 0, header = 'x-forwarded-for' } = options;
  const ranges = typeof trustedProxies === 'object' ? trustedProxies.map(rangeOf) : undefined;
  const count = ranges ? 0 : integer('trustedProxies', trustedProxies as number, 0);
  const name = header.toLowerCase();
  const remote = request.socket?.remoteAddress ?? request.remoteAddress;
  const entries = elementsOf(ranges?.length || count ? fieldOf(request.headers, name) : '');
  let client = remote;
  for (let hop = 0; hop <= entries.length; hop++) {
    const entry = entries[hop - 1] ?? '';
    const candidate = hop === 0 ? remote : hostOf((name === 'forwarded' ? forOf(entry) : entry) ?? '');
    const address = candidate === undefined ? undefined : parseAddress(candidate);
    if (address) client = candidate;
    else if (candidate !== undefined) return undefined;
    if (address && ranges ? !ranges.some((isTrusted) => isTrusted(address)) : hop >= count) break;
  }
  return client;
}
