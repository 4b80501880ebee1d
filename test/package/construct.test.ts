import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import * as holdfast from '../../src/index.ts';
import * as testing from '../../src/testing/index.ts';
import { runWorkerd } from '../matrix/workerd.ts';
import { acquisitions, calculations, constructions } from './constructions.ts';

const library = { ...holdfast, ...testing };

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && (value.prototype as unknown) instanceof Error;
}

describe('construction', () => {
  it('is listed for every function that the package exports', () => {
    const functions = Object.entries(library).filter(
      ([, value]) => typeof value === 'function' && !isErrorClass(value),
    );
    expect([...Object.keys(constructions), ...calculations, ...acquisitions].sort()).toEqual(
      functions.map(([name]) => name).sort(),
    );
  });

  describe('where time, timers and chance throw', () => {
    const refuse = (): never => {
      throw new Error('read while constructing');
    };

    beforeEach(() => {
      vi.spyOn(performance, 'now').mockImplementation(refuse);
      vi.spyOn(Date, 'now').mockImplementation(refuse);
      vi.spyOn(Math, 'random').mockImplementation(refuse);
      vi.spyOn(crypto, 'getRandomValues').mockImplementation(refuse);
      for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const)
        vi.stubGlobal(name, refuse);
    });

    afterEach(() => {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
    });

    it.each(Object.entries(constructions))('of %s works', (_, construct) => {
      expect(construct(library)).toBeDefined();
    });
  });

  const workerd = inject('workerd');
  it.skipIf(workerd === undefined)(
    'of everything at the module scope of workerd throws nothing and reads no clock',
    () => {
      const { status, output } = runWorkerd(
        workerd!,
        join(inject('consumer'), 'node_modules/holdfast/dist'),
        'construct',
      );
      expect(output).not.toMatch(/ERROR|FAIL|Error:/);
      expect(output).toContain(`constructed ${Object.keys(constructions).length}, clock reads 0`);
      expect(status).toBe(0);
    },
  );
});
