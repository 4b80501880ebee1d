import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { picture } from '../../docs/examples/rate-limit-burst.ts';

it('draws the picture of the guide', () => {
  const guide = readFileSync(new URL('../../docs/guides/rate-limit.md', import.meta.url), 'utf8');
  expect(guide).toContain(`\n${picture()}\n`);
});
