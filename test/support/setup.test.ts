import fc from 'fast-check';
import { expect, inject, test } from 'vitest';

test('every property of a run starts from the seed that was printed', () => {
  expect(fc.readConfigureGlobal().seed).toBe(inject('seed'));
  expect(Number.isInteger(inject('seed'))).toBe(true);
});

test('a failed property names its seed', () => {
  const failing = fc.property(fc.integer(), () => false);
  expect(() => fc.assert(failing)).toThrow(`seed: ${inject('seed')}`);
});

test('a property tries as many cases as the run was asked for', () => {
  let tried = 0;
  fc.assert(fc.property(fc.integer(), () => void tried++));
  expect(tried).toBe(inject('runs'));
});
