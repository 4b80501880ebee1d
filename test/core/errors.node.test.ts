import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { HoldfastError } from '../../src/core/errors.ts';

it('a logged error shows its name, message and code, and no brand', () => {
  const text = inspect(new HoldfastError('ERR_TIMEOUT', 'too slow', { captureStack: false }));
  expect(text).toContain('too slow');
  expect(text).toContain(`code: 'ERR_TIMEOUT'`);
  expect(text).not.toContain('holdfast.error');
});
