import { integer } from '../core/check.ts';
import { isIpv4, masked, parseAddress, translated } from './address.ts';

/** Options of {@link ipKey}. */
export interface IpKeyOptions {
  /**
   * Bits of an IPv4 address that make a client.
   *
   * @defaultValue 32
   */
  readonly ipv4Prefix?: number | undefined;
  /**
   * Bits of an IPv6 address that make a client. A customer gets at least 64 to choose from (RFC 6177), often 56
   * or 48, so a longer prefix lets one client be as many as it likes.
   *
   * @defaultValue 64
   */
  readonly ipv6Prefix?: number | undefined;
}

/**
 * The key of the client at an address: equal bits give equal keys, in whatever notation they are written.
 *
 * IPv4 in its IPv6 forms (mapped `::ffff:1.2.3.4`, translated `64:ff9b::1.2.3.4`) is IPv4, so that the whole of
 * it does not share one key. What is no address, a port or brackets with it included, is `undefined`.
 *
 * @example
 * ```ts
 * import { ipKey } from 'holdfast/http';
 *
 * ipKey('::ffff:192.0.2.7'); // '192.0.2.7'
 * ipKey('2001:db8:0:42:9::1'); // '2001:db8:0:42::/64'
 * ipKey('unknown'); // undefined
 * ```
 *
 * @throws RangeError when a prefix is not from 1 to the bits of an address.
 */
export function ipKey(ip: string | undefined, options: IpKeyOptions = {}): string | undefined {
  const { ipv4Prefix = 32, ipv6Prefix = 64 } = options;
  integer('ipv4Prefix', ipv4Prefix, 1, 32);
  integer('ipv6Prefix', ipv6Prefix, 1, 128);
  const parsed = ip === undefined ? undefined : parseAddress(ip);
  if (!parsed) return undefined;
  const address = translated(parsed);
  if (isIpv4(address)) {
    const [high = 0, low = 0] = masked(address, 96 + ipv4Prefix).slice(6);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}${ipv4Prefix < 32 ? `/${ipv4Prefix}` : ''}`;
  }
  const groups = masked(address, ipv6Prefix).slice(0, Math.ceil(ipv6Prefix / 16));
  const text = groups.map((group) => group.toString(16)).join(':');
  return `${text}${groups.length < 8 ? '::' : ''}/${ipv6Prefix}`;
}
