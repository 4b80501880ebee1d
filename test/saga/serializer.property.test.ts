import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { saga } from '../../src/saga/index.ts';
import { bed } from './kit.ts';

/** Everything that is kept: whatever JSON loses too. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\ud800', 'a\0b', '{"$date":1}', -0, Number.NaN, Infinity, -Infinity, null, undefined, true),
      fc.double(),
      fc.bigInt(),
      fc.date({ noInvalidDate: false }),
    ),
    fc.array(tie('value')),
    fc.dictionary(
      fc.oneof(fc.constantFrom('__proto__', '$date', '$map', '$object', 'toJSON', ''), fc.string()),
      tie('value'),
    ),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((items) => new Set(items)),
  ),
}));

const shared = { a: 1 };

/** A value that goes through a store: as output of a step, seen by the next one, and as result read by another process. */
async function stored(
  output: unknown,
): Promise<{ readonly seen: unknown; readonly result: unknown; readonly told: unknown }> {
  const own = bed();
  let seen: unknown;
  const def = saga<unknown>('order')
    .step('a', { run: ({ input }) => input })
    .step('b', { run: ({ results }) => void (seen = results.a) });
  const here = own.runner([def]);
  const { a: result } = await (await here.start(def, output, { id: 'x' })).result();
  const told = await own.runner([def]).handle<{ a: unknown }>('x').result();
  return { seen, result, told: told.a };
}

describe('values', () => {
  it('come out of the store as they went in: in the next step, in the result and in another process', async () => {
    await fc.assert(
      fc.asyncProperty(value, async (output) => {
        const { seen, result, told } = await stored(output);
        expect(seen).toStrictEqual(output);
        expect(result).toStrictEqual(output);
        expect(told).toStrictEqual(output);
      }),
    );
  });

  it.each([
    ['a Date', new Date(5)],
    ['a date that is none', new Date(Number.NaN)],
    ['a Map', new Map<unknown, unknown>([[{ k: 1 }, new Set([1n])]])],
    ['undefined', { a: undefined, b: [undefined] }],
    ['-0', [-0, 0]],
    ['a key __proto__', JSON.parse('{"__proto__":{"a":1}}')],
    ['what looks like a tag', { $date: 1 }],
    ['an object without prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    [
      'one without prototype that has a key __proto__',
      Object.defineProperty(Object.create(null), '__proto__', {
        value: 1,
        enumerable: true,
        writable: true,
        configurable: true,
      }),
    ],
    ['the same object twice', [shared, { again: shared }]],
  ])('keep %s', async (_name, output) => {
    const { seen, told } = await stored(output);
    expect(seen).toStrictEqual(output);
    expect(told).toStrictEqual(output);
    expect(Object.getPrototypeOf(seen)).toBe(Object.getPrototypeOf(output));
  });

  class Money {
    readonly cents = 5;
  }
  const cycle: { self?: unknown } = {};
  cycle.self = { cycle };
  let deep: unknown = 1;
  for (let k = 0; k < 100_000; k++) deep = [deep];
  it.each([
    ['a function', { a: () => 1 }, 'input.a cannot be stored: it is a function'],
    ['a symbol', [Symbol('x')], 'input[0] cannot be stored: it is a symbol'],
    ['a cycle', cycle, 'input.self.cycle cannot be stored: it contains itself'],
    ['an object of a class', { m: new Money() }, 'input.m cannot be stored: it is a Money'],
    ['an error', new Error('x'), 'input cannot be stored: it is a Error'],
    ['a subclass of Map', new (class Own extends Map {})(), 'input cannot be stored: it is a Own'],
    ['bytes', new Uint8Array(2), 'input cannot be stored: it is a Uint8Array'],
    ['a hole', Object.assign(Array(3), { 0: 1 }), 'input cannot be stored: it has holes'],
    ['a named property of an array', Object.assign([1], { x: 1 }), 'input cannot be stored: it has holes or named'],
    ['a symbol as key', { [Symbol('x')]: 1 }, 'input cannot be stored: it has symbols as keys'],
    ['a key of a Map', new Map([[() => 1, 1]]), 'input{key 0} cannot be stored'],
    ['an item of a Set', new Set([1, () => 1]), 'input{1} cannot be stored'],
    ['what is nested without end', deep, 'input cannot be stored: RangeError'],
  ])('refuse %s by name', async (_name, input, message) => {
    const def = saga<unknown>('order');
    const started = bed().runner([def]).start(def, input);
    await expect(started).rejects.toThrow(message);
    await expect(started).rejects.toMatchObject({ code: 'ERR_SAGA_SERIALIZATION' });
  });
});
