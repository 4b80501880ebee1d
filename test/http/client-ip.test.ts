import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientIpOptions, ClientIpRequest } from '../../src/http/index.ts';
import { clientIp, ipKey } from '../../src/http/index.ts';

const through = (remoteAddress: string | undefined, field: string, header = 'x-forwarded-for'): ClientIpRequest => ({
  remoteAddress,
  headers: { [header]: field },
});

const forwarded = (field: string, options: ClientIpOptions = { trustedProxies: 1 }): string | undefined =>
  clientIp(through('10.0.0.1', field, 'forwarded'), { header: 'Forwarded', ...options });

describe('clientIp', () => {
  it('no proxy is trusted unless told to', () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip']) {
      const request = through('192.0.2.7', header === 'forwarded' ? 'for=6.6.6.6' : '6.6.6.6', header);
      expect(clientIp(request)).toBe('192.0.2.7');
      expect(clientIp(request, { header, trustedProxies: 0 })).toBe('192.0.2.7');
      expect(clientIp(request, { header, trustedProxies: [] })).toBe('192.0.2.7');
    }
  });

  it('reads requests of Node and of fetch', () => {
    const request = { socket: { remoteAddress: '10.0.0.1' }, headers: { 'x-forwarded-for': '192.0.2.7' } };
    expect(clientIp(request, { trustedProxies: 1 })).toBe('192.0.2.7');
    const headers = new Headers({ 'X-Forwarded-For': '192.0.2.7' });
    expect(clientIp({ remoteAddress: '10.0.0.1', headers }, { trustedProxies: 1 })).toBe('192.0.2.7');
    const lines = { 'x-forwarded-for': ['6.6.6.6', '192.0.2.7, 10.0.0.2'] };
    expect(clientIp({ remoteAddress: '10.0.0.1', headers: lines }, { trustedProxies: 2 })).toBe('192.0.2.7');
  });

  it.each([
    [1, '6.6.6.6, 192.0.2.7', '192.0.2.7'],
    [2, '6.6.6.6, 192.0.2.7, 10.0.0.2', '192.0.2.7'],
    [3, '6.6.6.6, 192.0.2.7, 10.0.0.2', '6.6.6.6'],
    [5, '192.0.2.7, 10.0.0.2', '192.0.2.7'],
    [1, '', '10.0.0.1'],
    [1, ' , ,', '10.0.0.1'],
    [1, '192.0.2.7:4711', '192.0.2.7'],
    [1, '[2001:db8::7]:4711', '2001:db8::7'],
    [1, '[2001:db8::7]', '2001:db8::7'],
    [1, '2001:db8::7', '2001:db8::7'],
    [1, '::ffff:192.0.2.7', '::ffff:192.0.2.7'],
    [1, 'unknown', undefined],
    [1, '192.0.2.7, unknown', undefined],
    [2, '192.0.2.7, unknown', undefined],
    [1, '192.0.2.7, 10.0.0', undefined],
  ])('with %d proxies and %j is %s', (trustedProxies, field, expected) => {
    expect(clientIp(through('10.0.0.1', field), { trustedProxies })).toBe(expected);
  });

  it.each([
    ['10.0.0.1', ['10.0.0.0/8'], '6.6.6.6, 192.0.2.7, 10.9.9.9', '192.0.2.7'],
    ['10.0.0.1', ['10.0.0.1'], '6.6.6.6, 192.0.2.7, 10.9.9.9', '10.9.9.9'],
    ['::ffff:10.0.0.1', ['10.0.0.0/8'], '192.0.2.7, ::ffff:a00:2', '192.0.2.7'],
    ['10.0.0.1', ['::ffff:10.0.0.0/104'], '192.0.2.7', '192.0.2.7'],
    ['::1', ['::1', 'fd00::/8'], '2001:db8::7, fdaa::1', '2001:db8::7'],
    ['11.0.0.1', ['10.0.0.0/8'], '6.6.6.6', '11.0.0.1'],
    ['10.128.0.1', ['10.0.0.0/9'], '6.6.6.6', '10.128.0.1'],
    ['10.127.0.1', ['10.0.0.0/9'], '6.6.6.6', '6.6.6.6'],
    ['10.0.0.1', ['10.0.0.0/8'], '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['10.0.0.1', ['10.0.0.0/8'], 'unknown, 10.0.0.2', undefined],
    ['192.0.2.7', ['0.0.0.0/0'], '6.6.6.6', '6.6.6.6'],
    ['2001:db8::7', ['0.0.0.0/0'], '6.6.6.6', '2001:db8::7'],
    ['', ['10.0.0.0/8'], '6.6.6.6', undefined],
    ['a socket', ['10.0.0.0/8'], '6.6.6.6', undefined],
    [undefined, ['10.0.0.0/8'], '6.6.6.6', undefined],
  ])('from %s, trusting %j, with %j is %s', (remoteAddress, trustedProxies, field, expected) => {
    expect(clientIp(through(remoteAddress, field), { trustedProxies })).toBe(expected);
  });

  it('finds nobody in a header that is not there', () => {
    for (const headers of [{}, new Headers()]) {
      const request = { remoteAddress: '10.0.0.5', headers };
      for (const trustedProxies of [1, ['10.0.0.0/8']]) {
        expect(clientIp(request, { trustedProxies })).toBe('10.0.0.5');
        expect(clientIp(request, { trustedProxies, header: 'forwarded' })).toBe('10.0.0.5');
      }
    }
  });

  it('counts a proxy on a Unix socket, which has no address', () => {
    expect(clientIp(through(undefined, '6.6.6.6, 192.0.2.7'), { trustedProxies: 1 })).toBe('192.0.2.7');
    expect(clientIp(through(undefined, ''), { trustedProxies: 1 })).toBeUndefined();
    expect(clientIp(through(undefined, '6.6.6.6'))).toBeUndefined();
    expect(clientIp({ headers: {} })).toBeUndefined();
    expect(clientIp(through('@', '192.0.2.7'), { trustedProxies: 1 })).toBeUndefined();
  });

  it.each([
    ['for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
    ['For="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['for=6.6.6.6, for=192.0.2.43;by=10.0.0.1', '192.0.2.43'],
    ['for=6.6.6.6,by=10.0.0.1 ;  for="192.0.2.43:80"', '192.0.2.43'],
    ['by=10.0.0.1; FOR=192.0.2.43', '192.0.2.43'],
    ['host="a,b;for=6.6.6.6";for=192.0.2.43', '192.0.2.43'],
    [String.raw`host="a\",for=6.6.6.6";for=192.0.2.43`, '192.0.2.43'],
    [String.raw`host="a\\";for=192.0.2.43`, '192.0.2.43'],
    [String.raw`host="a,\"b";for=192.0.2.43`, '192.0.2.43'],
    [String.raw`host="a,b\\";for=192.0.2.43`, '192.0.2.43'],
    ['for="unknown"', undefined],
    ['for=_hidden', undefined],
    ['proto=https', undefined],
    ['for', undefined],
    ['for=', undefined],
    ['=;for=192.0.2.43', undefined],
    ['xfor=192.0.2.43', undefined],
    ['192.0.2.43', undefined],
  ])('reads Forwarded: %s as %s', (field, expected) => {
    expect(forwarded(field)).toBe(expected);
  });

  it.each([['for="'], ['for="x'], ['for=x"'], ['"'], [String.raw`for="\"`], ['for=6.6.6.6;by="[']])(
    'is not misled by what a client left open: %s',
    (forged) => {
      expect(forwarded(`${forged}, for=192.0.2.43`)).toBe('192.0.2.43');
      expect(forwarded(`${forged}, for="[2001:db8::7]:1";by="[::1]"`)).toBe('2001:db8::7');
      expect(forwarded(`${forged}, for=192.0.2.43, for=10.0.0.2`, { trustedProxies: ['10.0.0.0/8'] })).toBe(
        '192.0.2.43',
      );
    },
  );

  it('the address of a client is never an entry that only the client itself has written', () => {
    const forged = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('"', '\\', ',', ';', '=', 'for', '6.6.6.6', ' ') }),
      fc
        .array(fc.constantFrom('6.6.6.6', '10.0.0.9', '"', 'for=6.6.6.6', 'for="6.6.6.6"'))
        .map((all) => all.join(', ')),
    );
    // A real client's address, and what each of the proxies on the way appends: the address it was reached from.
    const hops = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(
        forged,
        hops,
        fc.constantFrom('forwarded', 'x-forwarded-for'),
        fc.boolean(),
        (sent, proxies, header, isCounted) => {
          const chain = ['192.0.2.7', ...Array.from({ length: proxies }, (_, k) => `10.0.0.${k + 1}`)];
          const remoteAddress = chain.pop()!;
          const appended = chain.map((ip, k) =>
            header === 'forwarded' ? `${k % 2 ? 'by="[::1]";' : ''}for="${ip}:${k}"` : ip,
          );
          const request = through(remoteAddress, [sent, ...appended].join(', '), header);
          const trustedProxies = isCounted ? proxies : ['10.0.0.0/8'];
          expect(clientIp(request, { header, trustedProxies })).toBe('192.0.2.7');
        },
      ),
    );
  });

  it('goes on to a key', () => {
    const request = through('10.0.0.1', '6.6.6.6, ::ffff:c000:207');
    expect(ipKey(clientIp(request, { trustedProxies: 1 }))).toBe('192.0.2.7');
    expect(ipKey(clientIp(through(undefined, '')))).toBeUndefined();
  });

  it.each([
    [-1, RangeError],
    [1.5, RangeError],
    [true, TypeError],
    ['10.0.0.0/8', RangeError],
    [['10.0.0.0/33'], RangeError],
    [['::1/129'], RangeError],
    [['10.0.0.0/'], RangeError],
    [['10.0.0.0/8/8'], RangeError],
    [['10.0.0.0/8x'], RangeError],
    [['10.0.0.0/x8'], RangeError],
    [['10.0.0.0/-1'], RangeError],
    [['loopback'], RangeError],
    [[''], RangeError],
  ])('refuses trustedProxies of %j', (trustedProxies, kind) => {
    const options = { trustedProxies } as ClientIpOptions;
    expect(() => clientIp(through('10.0.0.1', ''), options)).toThrow(kind);
    expect(() => clientIp(through('10.0.0.1', ''), options)).toThrow(/^trustedProxies must be (?:an integer|a number)/);
  });
});
