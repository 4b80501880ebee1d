/*
 * Addresses as bits. Text is only ever compared after it became eight groups of sixteen bits, so that two
 * notations of one address cannot be two clients, nor two clients one.
 */

/** Eight groups of sixteen bits. IPv4 is held as IPv6 maps it, ::ffff:a.b.c.d. */
export type Address = readonly number[];

const ENDS_IN_IPV4 = /^(.*:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Four decimals as two groups. A leading zero is refused: some read it as octal. */
function ipv4Groups(octets: readonly string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = octets.map((octet) => (/^0./.test(octet) ? NaN : Number(octet)));
  return a <= 255 && b <= 255 && c <= 255 && d <= 255
    ? `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
    : 'none';
}

function groupsOf(text: string): number[] {
  return text === ''
    ? []
    : text.split(':').map((group) => (/^[\da-f]{1,4}$/i.test(group) ? Number.parseInt(group, 16) : NaN));
}

/** Reads IPv4 in four decimals or any form of IPv6, a zone (`%eth0`) left out. Nothing else is an address. */
export function parseAddress(text: string): Address | undefined {
  const withoutZone = text.includes(':') ? text.replace(/%[\w.:-]+$/, '') : text;
  const plain = withoutZone.replace(
    ENDS_IN_IPV4,
    (_, before: string | undefined, ...octets: string[]) => (before ?? '::ffff:') + ipv4Groups(octets),
  );
  const [head = '', tail, ...more] = plain.split('::');
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const last = groupsOf(tail);
    const missing = 8 - groups.length - last.length;
    if (missing < 1) return undefined;
    groups.push(...Array<number>(missing).fill(0), ...last);
  }
  return groups.length === 8 && more.length === 0 && !groups.some(Number.isNaN) ? groups : undefined;
}

/** Whether an address is IPv4's. */
export function isIpv4(address: Address): boolean {
  return address[5] === 0xffff && !address.slice(0, 5).some(Boolean);
}

/** The first `bits` bits, the others zero. */
export function masked(address: Address, bits: number): Address {
  return address.map((group, k) => group & (0xffff << Math.min(Math.max((k + 1) * 16 - bits, 0), 16)));
}

/** IPv4 that a translator between the two protocols has put under its well-known prefix, 64:ff9b::/96 (RFC 6052). */
export function translated(address: Address): Address {
  const isTranslated = address[0] === 0x64 && address[1] === 0xff9b && !address.slice(2, 6).some(Boolean);
  return isTranslated ? [0, 0, 0, 0, 0, 0xffff, ...address.slice(6)] : address;
}
