import { describe, expect, it } from 'vitest';
import { find } from '../../src/ring/circle.ts';
import { createKetamaRing } from '../../src/ring/index.ts';
import { ketamaCircle } from '../../src/ring/ketama.ts';
import { md5 } from '../../src/ring/md5.ts';
import { pointsOf } from '../../src/ring/points.ts';

/** libketama's own list of servers for its test (RJ/ketama, ketama.servers). */
const servers = [600, 300, 200, 350, 1000, 800, 950, 100].map((weight, k) => ({ id: `10.0.1.${k + 1}:11211`, weight }));

function hex(words: Int32Array): string {
  return [...new Uint8Array(words.slice().buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('md5', () => {
  // RFC 1321, appendix A.5.
  it.each([
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['a', '0cc175b9c0f1b6a831c399e269772661'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
    ['abcdefghijklmnopqrstuvwxyz', 'c3fcd3d76192e4007dfb496cca67e13b'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 'd174ab98d277d9f5a5611c2c9f419d9f'],
    ['1234567890'.repeat(8), '57edf4a22be3c955ac49da2e2107b67a'],
  ])('of %j is that of the RFC', (text, digest) => {
    expect(hex(md5(text))).toBe(digest);
    expect(hex(md5(new TextEncoder().encode(text)))).toBe(digest);
  });
});

describe('md5 of text', () => {
  it('is that of its UTF-8 bytes, at every length around those of blocks and of what is kept', () => {
    const encoder = new TextEncoder();
    for (const length of [0, 1, 3, 4, 46, 47, 48, 49, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128]) {
      for (const last of ['a', '\u007f', '\u0080', '漢', '😀']) {
        const text = 'x'.repeat(length) + last;
        expect(hex(md5(text))).toBe(hex(md5(encoder.encode(text))));
        expect(hex(md5(`${last}${text}`))).not.toBe(hex(md5(text)));
      }
    }
    // As `printf é | md5sum` has it.
    expect(hex(md5('é'))).toBe('66ddcd97cfdeabb2f6fb8a999b4bc76f');
  });
});

describe('md5 of as many bytes as fill a block, or nearly so', () => {
  // As `md5sum` has them.
  it.each([
    [48, '2d33a131ad6c60def5542825a7514aff'],
    [54, '61ea0974c662328da964d977a8253873'],
    [55, '04364420e25c512fd958a70738aa8f72'],
    [56, '668a72d5ba17f08e62dabcafad6db14b'],
    [57, '693037871c4a9d3d8685018905cb530a'],
    [63, '7dc2ca208106a2f703567bdff99d8981'],
    [64, 'c1bb4f81d892b2d57947682aeb252456'],
    [65, '1bc932052302d074bdec39795fe00cf6'],
    [119, 'ab347a5f68c8a443cfcddc633f12c24f'],
    [120, 'fb98667f98096de92620b64f46e1c5b5'],
    [128, 'd69cb61a6ee87200676eb0d4b90edbcb'],
  ])('is right for %s', (length, digest) => {
    expect(hex(md5('x'.repeat(length)))).toBe(digest);
    expect(hex(md5(new Uint8Array(length).fill(0x78)))).toBe(digest);
  });
});

describe('createKetamaRing', () => {
  it('has four points of each of forty digests, of the id, a dash and a number', () => {
    const expected = ['a', 'b'].flatMap((id) =>
      Array.from({ length: 40 }, (_, k) => [...md5(`${id}-${k}`)].map((word) => ({ id, position: word >>> 0 }))).flat(),
    );
    expected.sort((x, y) => x.position - y.position);
    const circle = ketamaCircle(['a', { id: 'b' }]);
    const { positions, owners } = pointsOf(circle);
    expect([...positions]).toEqual(expected.map(({ position }) => position));
    expect([...owners].map((owner) => circle.ids[owner])).toEqual(expected.map(({ id }) => id));
  });

  it('leaves out servers whose share is less than a digest', () => {
    const ring = createKetamaRing([
      { id: 'a', weight: 1000 },
      { id: 'b', weight: 1 },
      { id: 'c', weight: 0 },
    ]);
    expect(ring.getN('key', 3)).toEqual(['a']);
    expect(ring.getN('key', 3, { spread: 'zone' })).toEqual(['a']);
  });

  it('refuses more than 2^24 points before it hashes for them', () => {
    const many = Array.from({ length: 106_000 }, (_, k) => `${k}`);
    expect(() => createKetamaRing(many)).toThrow(
      /^points must be a number of at least 0 and at most 16777216, got 16[89]\d{5}$/,
    );
  });

  it('agrees with libketama point for point: its own test, the MD5 of a million lookups', () => {
    // RJ/ketama, libketama/test.sh: an empty line, then the hash, the point and the server of each key.
    const circle = ketamaCircle(servers);
    const { positions } = pointsOf(circle);
    const lines = new Uint8Array(40_000_000);
    const encoder = new TextEncoder();
    let length = encoder.encodeInto('\n', lines).written;
    for (let key = 0; key < 1_000_000; key++) {
      const hash = md5(String(key))[0]! >>> 0;
      const at = find(circle, hash);
      const line = `${hash} ${positions[at] ?? positions[0]!} ${circle.ids[circle.words[at]! & circle.mask]!}\n`;
      length += encoder.encodeInto(line, lines.subarray(length)).written;
    }
    expect(hex(md5(lines.subarray(0, length)))).toBe('5672b131391f5aa2b280936aec1eea74');
  }, 60_000);

  // 1/61 in single precision, times 61, is short of 1 by more than half a step.
  it.each([
    [1, 160],
    [7, 160],
    [60, 160],
    [61, 156],
    [100, 160],
  ])('gives each of %s equal servers %s points, as the single precision of libketama has it', (count, points) => {
    const equal = Array.from({ length: count }, (_, k) => ({ id: `s${k}`, weight: 3 }));
    expect(ketamaCircle(equal).words.length - 1).toBe(points * count);
  });

  it('gives replicas as the ring does, and knows zones', () => {
    const zoned = servers.map((server, k) => ({ ...server, zone: `rack ${k % 2}` }));
    const ring = createKetamaRing(zoned);
    const plain = ring.getN('key', 8);
    expect(plain[0]).toBe(ring.get('key'));
    expect(new Set(plain).size).toBe(8);
    const [first, second] = ring.getN('key', 2, { spread: 'zone' });
    const zoneOf = (id: string | undefined): string | undefined => zoned.find((server) => server.id === id)?.zone;
    expect(zoneOf(first)).not.toBe(zoneOf(second));
  });

  it('has no answer without servers or without weights', () => {
    expect(createKetamaRing([]).get('k')).toBeUndefined();
    expect(createKetamaRing([{ id: 'a', weight: 0 }]).get('k')).toBeUndefined();
    expect(createKetamaRing([]).getN('k', 3)).toEqual([]);
  });

  it('refuses duplicates and bad counts', () => {
    expect(() => createKetamaRing(['a', 'a'])).toThrow(RangeError);
    expect(() => createKetamaRing(['a']).getN('k', -1)).toThrow(/^count must be/);
    expect(() => createKetamaRing(['a']).get(7 as unknown as string)).toThrow(/^key must be/);
  });
});
