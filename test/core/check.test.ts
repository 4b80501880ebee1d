import { describe, expect, it } from 'vitest';
import { amount, integer, oneOf, optionalFunction, refuse, share } from '../../src/core/check.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';

/** What a check threw, as `Name: message`. */
function refusalOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`;
  }
  return 'nothing thrown';
}

const MOST = Number.MAX_SAFE_INTEGER;

describe('a number that fits', () => {
  it.each([
    ['integer', () => integer('n', 1, 1), 1],
    ['integer at the top', () => integer('n', 9, 1, 9), 9],
    ['integer between', () => integer('n', 5, -1, 9), 5],
    ['the largest integer', () => integer('n', MOST, 0), MOST],
    ['amount', () => amount('n', 0.5, 0.5), 0.5],
    ['amount at the top', () => amount('n', 1.5, 0, 1.5), 1.5],
    ['amount of Infinity', () => amount('n', Infinity, 0), Infinity],
    ['share of all', () => share('n', 1), 1],
    ['smallest share', () => share('n', Number.MIN_VALUE), Number.MIN_VALUE],
  ])('is handed back: %s', (_, check, wanted) => {
    expect(check()).toBe(wanted);
  });
});

describe('the refusal', () => {
  it.each([
    [() => integer('concurrency', -1, 1), 'RangeError: concurrency must be an integer of at least 1, got -1'],
    [() => integer('n', 1.5, 1), 'RangeError: n must be an integer of at least 1, got 1.5'],
    [() => integer('n', 10, 1, 9), 'RangeError: n must be an integer of at least 1 and at most 9, got 10'],
    [() => integer('n', 0, 1, 9), 'RangeError: n must be an integer of at least 1 and at most 9, got 0'],
    [() => integer('n', MOST + 1, 0), 'RangeError: n must be an integer of at least 0, got 9007199254740992'],
    [() => integer('n', Infinity, 0), 'RangeError: n must be an integer of at least 0, got Infinity'],
    [() => integer('n', NaN, 0), 'RangeError: n must be an integer of at least 0, got NaN'],
    [() => amount('ms', 0.4, 0.5), 'RangeError: ms must be a number of at least 0.5, got 0.4'],
    [() => amount('ms', NaN, 0), 'RangeError: ms must be a number of at least 0, got NaN'],
    [() => amount('ms', 3.1, 0, 3), 'RangeError: ms must be a number of at least 0 and at most 3, got 3.1'],
    [() => share('rate', 0), 'RangeError: rate must be a share above 0 and at most 1, got 0'],
    [() => share('rate', 1.01), 'RangeError: rate must be a share above 0 and at most 1, got 1.01'],
    [() => share('rate', NaN), 'RangeError: rate must be a share above 0 and at most 1, got NaN'],
    [() => oneOf('kind', 'c' as 'a', ['a', 'b' as 'a']), 'RangeError: kind must be one of a, b, got "c"'],
    [() => refuse('key', 'short', 'say "x"'), 'RangeError: key must be short, got "say \\"x\\""'],
    [() => integer('n', undefined as never, 1), 'TypeError: n must be an integer of at least 1, got undefined'],
    [() => integer('n', '1' as never, 1), 'RangeError: n must be an integer of at least 1, got "1"'],
    [() => amount('n', '1' as never, 1), 'RangeError: n must be a number of at least 1, got "1"'],
    [() => share('n', '1' as never), 'RangeError: n must be a share above 0 and at most 1, got "1"'],
    [() => share('n', true as never), 'TypeError: n must be a share above 0 and at most 1, got true'],
    [() => amount('n', [1] as never, 1), 'TypeError: n must be a number of at least 1, got object'],
    [() => integer('n', 1n as never, 1), 'TypeError: n must be an integer of at least 1, got 1'],
    [() => optionalFunction('onEvent', 1), 'RangeError: onEvent must be a function, got 1'],
    [() => optionalFunction('onEvent', {}), 'TypeError: onEvent must be a function, got object'],
    [() => amount('n', (() => 1) as never, 1), 'TypeError: n must be a number of at least 1, got function'],
    [() => amount('n', null as never, 1), 'TypeError: n must be a number of at least 1, got null'],
    [() => oneOf('kind', undefined as never, ['a']), 'TypeError: kind must be one of a, got undefined'],
  ] as [() => unknown, string][])('names the option, the rule and the value: %#', (check, wanted) => {
    expect(refusalOf(check)).toBe(wanted);
  });

  it.each(badNumbers({ min: 2, max: 7, isInteger: true }))('comes for %s as an integer', (_, value) => {
    expect(refusalOf(() => integer('size', value as number, 2, 7))).toMatch(/^(RangeError|TypeError): size must be /);
  });

  it.each(badNumbers({ min: 2, max: 7 }))('comes for %s as an amount', (_, value) => {
    expect(refusalOf(() => amount('size', value as number, 2, 7))).toMatch(/^(RangeError|TypeError): size must be /);
  });

  it('comes for what cannot be turned into text, too', () => {
    for (const value of [Object.create(null), Symbol('x'), () => {}]) {
      expect(refusalOf(() => amount('size', value as never, 0))).toMatch(/^TypeError: size must be /);
    }
  });
});

describe('optionalFunction', () => {
  it('hands back a function, and undefined', () => {
    const fn = (): void => {};
    expect([optionalFunction('f', fn), optionalFunction('f', undefined)]).toEqual([fn, undefined]);
  });

  it.each(badFunctions)('refuses %s', (_, value) => {
    expect(refusalOf(() => optionalFunction('onEvent', value))).toMatch(/Error: onEvent must be a function, got /);
  });
});

it('oneOf hands back the word', () => {
  expect([oneOf('k', 'a', ['a', 'b']), oneOf('k', 'b', ['a', 'b'])]).toEqual(['a', 'b']);
});
