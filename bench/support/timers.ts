/** Counts timers that run, unref'd ones included, which the runtime does not list. Call before what starts them is loaded. */
export function countTimers(): () => number {
  const running = new Set<unknown>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const keep = <T>(timer: T): T => {
    running.add(timer);
    return timer;
  };
  globalThis.setInterval = ((...args: Parameters<typeof setInterval>) =>
    keep(setInterval(...args))) as typeof setInterval;
  globalThis.setTimeout = ((fn: () => void, ms?: number) => {
    const timer = keep(
      setTimeout(() => {
        running.delete(timer);
        fn();
      }, ms),
    );
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = globalThis.clearInterval = (timer) => {
    running.delete(timer);
    clearTimeout(timer);
    clearInterval(timer);
  };
  return () => running.size;
}
