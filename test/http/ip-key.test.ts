import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipKey } from '../../src/http/index.ts';
import { anyNotation, ipv4Groups, ipv6Groups } from './addresses.ts';

describe('ipKey', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:FFFF:1.2.3.4', '1.2.3.4'],
    ['64:ff9b::1.2.3.4', '1.2.3.4'],
    ['64:ff9b::102:304', '1.2.3.4'],
    ['64:ff9a::1.2.3.4', '64:ff9a:0:0::/64'],
    ['65:ff9b::1.2.3.4', '65:ff9b:0:0::/64'],
    ['64:ff9b:1::1.2.3.4', '64:ff9b:1:0::/64'],
    ['2001:db8::1.2.3.4', '2001:db8:0:0::/64'],
    ['2001:db8::ffff:1.2.3.4', '2001:db8:0:0::/64'],
    ['64:ff9b:0:0:1::1.2.3.4', '64:ff9b:0:0::/64'],
    ['2001:DB8:0:42:9::1', '2001:db8:0:42::/64'],
    ['2001:db8:0:42::', '2001:db8:0:42::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ])('of %s is %s', (ip, key) => {
    expect(ipKey(ip)).toBe(key);
  });

  it.each([
    [''],
    ['unknown'],
    ['_hidden'],
    ['localhost'],
    ['1.2.3'],
    ['1.2.3.4.5'],
    ['1.2.3.256'],
    ['1.2.3.999'],
    ['01.2.3.4'],
    ['1.2.3.04'],
    ['0x1.2.3.4'],
    ['1.2.3.4:80'],
    ['1.2.3.4%eth0'],
    [' 1.2.3.4'],
    ['1.2.3.4\n'],
    ['+1.2.3.4'],
    ['16909060'],
    [':'],
    [':::'],
    ['1::2::3'],
    ['1:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:7:8:9'],
    ['1:2:3:4:5:6:7:8::'],
    ['1:2:3:4::5:6:7:8'],
    [':1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7:8:'],
    ['12345::'],
    ['g::'],
    ['-1::'],
    ['::1.2.3.4.5'],
    ['::1.2.3'],
    ['::ffff:1.2.3.256'],
    ['1.2.3.4::'],
    ['1:2:3:4:5:6:7:1.2.3.4'],
    ['[::1]'],
    ['::1%'],
    ['::1% eth0'],
  ])('of %j, which is no address, is undefined', (ip) => {
    expect(ipKey(ip)).toBeUndefined();
  });

  it.each([0, 1, 2, 3])('knows no octet above 255 at place %i', (at) => {
    const withOctet = (octet: number): string => [1, 2, 3, 4].map((one, k) => (k === at ? octet : one)).join('.');
    for (const before of ['', '::ffff:']) {
      expect(ipKey(before + withOctet(255))).toBe(withOctet(255));
      expect(ipKey(before + withOctet(256))).toBeUndefined();
    }
  });

  it('of nothing is undefined', () => {
    expect(ipKey(undefined)).toBeUndefined();
  });

  it('a key is the same for every notation of an address', () => {
    fc.assert(
      fc.property(
        ipv6Groups.chain((groups) => fc.tuple(anyNotation(groups), anyNotation(groups))),
        fc.integer({ min: 1, max: 128 }),
        ([a, b], ipv6Prefix) => {
          expect(ipKey(a, { ipv6Prefix })).toBe(ipKey(b, { ipv6Prefix }));
          expect(ipKey(a)).toMatch(/^[\da-f.:]+(?:\/64)?$/);
        },
      ),
    );
  });

  it('IPv4 in any of its IPv6 notations has the key of IPv4', () => {
    fc.assert(
      fc.property(
        ipv4Groups.chain((low) =>
          fc.tuple(
            fc.constant(low),
            anyNotation([0, 0, 0, 0, 0, 0xffff, ...low]),
            anyNotation([0x64, 0xff9b, 0, 0, 0, 0, ...low]),
          ),
        ),
        fc.integer({ min: 1, max: 32 }),
        ([[high = 0, low = 0], mapped, translated], ipv4Prefix) => {
          const plain = `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
          expect(ipKey(plain)).toBe(plain);
          for (const form of [mapped, translated]) {
            expect(ipKey(form)).toBe(plain);
            expect(ipKey(form, { ipv4Prefix })).toBe(ipKey(plain, { ipv4Prefix }));
          }
        },
      ),
    );
  });

  it('two addresses have the same key exactly when their first bits are the same', () => {
    const bitsOf = (groups: readonly number[]): string => groups.map((g) => g.toString(2).padStart(16, '0')).join('');
    fc.assert(
      fc.property(
        ipv6Groups,
        ipv6Groups,
        fc.integer({ min: 1, max: 128 }),
        fc.nat(128),
        (a, random, ipv6Prefix, same) => {
          const bits = bitsOf(a).slice(0, same) + bitsOf(random).slice(same);
          const b = Array.from({ length: 8 }, (_, k) => Number.parseInt(bits.slice(k * 16, k * 16 + 16), 2));
          const isSame = bits.slice(0, ipv6Prefix) === bitsOf(a).slice(0, ipv6Prefix);
          const keyOf = (groups: readonly number[]): string | undefined =>
            ipKey(groups.map((group) => group.toString(16)).join(':'), { ipv6Prefix });
          expect(keyOf(a) === keyOf(b)).toBe(isSame);
        },
      ),
    );
  });

  it('takes other prefixes', () => {
    expect(ipKey('192.0.2.200', { ipv4Prefix: 24 })).toBe('192.0.2.0/24');
    expect(ipKey('192.0.2.200', { ipv4Prefix: 25 })).toBe('192.0.2.128/25');
    expect(ipKey('192.0.2.200', { ipv4Prefix: 1 })).toBe('128.0.0.0/1');
    expect(ipKey('2001:db8:ffff:ffff::1', { ipv6Prefix: 56 })).toBe('2001:db8:ffff:ff00::/56');
    expect(ipKey('2001:db8:ffff:ffff::1', { ipv6Prefix: 48 })).toBe('2001:db8:ffff::/48');
    expect(ipKey('2001:db8::1', { ipv6Prefix: 128 })).toBe('2001:db8:0:0:0:0:0:1/128');
  });

  it.each([
    [{ ipv4Prefix: 0 }, 'ipv4Prefix must be an integer of at least 1 and at most 32, got 0'],
    [{ ipv4Prefix: 33 }, 'ipv4Prefix must be an integer of at least 1 and at most 32, got 33'],
    [{ ipv6Prefix: 0 }, 'ipv6Prefix must be an integer of at least 1 and at most 128, got 0'],
    [{ ipv6Prefix: 64.5 }, 'ipv6Prefix must be an integer of at least 1 and at most 128, got 64.5'],
    [{ ipv6Prefix: 129 }, 'ipv6Prefix must be an integer of at least 1 and at most 128, got 129'],
  ])('refuses %j, even where there is no address', (options, message) => {
    expect(() => ipKey(undefined, options)).toThrow(message);
  });
});
