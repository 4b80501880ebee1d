import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipKey } from '../../src/http/index.ts';
import { anyNotation, ipv6Groups } from './addresses.ts';

/** Text that is nearly an address: one, with a few letters changed. */
const nearly = fc
  .tuple(
    fc.oneof(ipv6Groups.chain(anyNotation), fc.ipV4(), fc.ipV6()),
    fc.array(fc.tuple(fc.nat(40), fc.nat(1), fc.constantFrom('', ':', '::', '.', '0', 'f', '256', '1.2.3.4')), {
      maxLength: 3,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((before, [at, removed, put]) => before.slice(0, at) + put + before.slice(at + removed), text),
  );

describe('what is an address', () => {
  it('what is an address is what Node takes for one', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        expect(ipKey(text) !== undefined, text).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2_000 },
    );
  });
});
