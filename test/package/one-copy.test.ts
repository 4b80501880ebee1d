import { describe, expect, it } from 'vitest';
import { evaluate, importPaths } from './consumer.ts';

describe('one copy', () => {
  it.each(importPaths)('gives the same objects to import and to require of %s', (path) => {
    const different = evaluate<string[]>(
      'one-copy',
      'both.mjs',
      `import { createRequire } from 'node:module';
       const imported = await import('${path}');
       const required = createRequire(import.meta.url)('${path}');
       console.log(JSON.stringify(Object.keys(imported).filter((name) => imported[name] !== required[name])));`,
    );
    expect(different).toEqual([]);
  });

  it('recognises its error class across import paths, also in a runtime that knows only require', () => {
    const answers = evaluate<boolean[]>(
      'one-copy',
      'classes.cjs',
      `const { HoldfastError } = require('holdfast');
       const { CircuitOpenError } = require('holdfast/circuit-breaker');
       const { TimeoutError } = require('holdfast/policy');
       console.log(JSON.stringify([CircuitOpenError, TimeoutError].map((c) => HoldfastError.isPrototypeOf(c))));`,
    );
    expect(answers).toEqual([true, true]);
  });
});
