import type { Isolation } from './circuit-breaker.ts';

/** An isolation whose end, however often it is told, is one call of `end`. */
export function isolationUntil(end: () => void): Isolation {
  let isHeld = true;
  const dispose = (): void => {
    if (isHeld) {
      isHeld = false;
      end();
    }
  };
  return { dispose, [Symbol.dispose]: dispose };
}
