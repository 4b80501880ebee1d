import * as fc from 'fast-check';

const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));

/** The eight groups of an IPv6 address, often zero. */
export const ipv6Groups: fc.Arbitrary<readonly number[]> = fc.array(group, { minLength: 8, maxLength: 8 });

/** The last two groups of an address that holds IPv4. */
export const ipv4Groups: fc.Arbitrary<readonly number[]> = fc.array(group, { minLength: 2, maxLength: 2 });

interface Style {
  readonly isUpper: boolean;
  readonly isPadded: boolean;
  readonly hasIpv4: boolean;
  readonly hasZone: boolean;
  /** Which run of zeros is left out, if there is one to leave out. */
  readonly gap: number;
}

function write(groups: readonly number[], { isUpper, isPadded, hasIpv4, hasZone, gap }: Style): string {
  const [high = 0, low = 0] = groups.slice(6);
  const parts = groups.map((value) => value.toString(16).padStart(isPadded ? 4 : 1, '0'));
  if (hasIpv4) parts.splice(6, 2, `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  const starts = parts.flatMap((part, k) => (/^0+$/.test(part) ? [k] : []));
  const start = starts[gap % Math.max(starts.length, 1)];
  let text = parts.join(':');
  if (start !== undefined && gap > 0) {
    let end = start;
    while (/^0+$/.test(parts[end] ?? '')) end++;
    text = `${parts.slice(0, start).join(':')}::${parts.slice(end).join(':')}`;
  }
  return (isUpper ? text.toUpperCase() : text) + (hasZone ? '%en0' : '');
}

/** Any notation of an IPv6 address: letters of either case, zeros left out or not, decimals at its end, a zone. */
export function anyNotation(groups: readonly number[]): fc.Arbitrary<string> {
  return fc
    .record({
      isUpper: fc.boolean(),
      isPadded: fc.boolean(),
      hasIpv4: fc.boolean(),
      hasZone: fc.boolean(),
      gap: fc.nat(7),
    })
    .map((style) => write(groups, style));
}
