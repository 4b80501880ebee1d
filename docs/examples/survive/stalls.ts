const EVERY_MS = 20;
/** A shorter delay is what any busy machine does; it excuses nothing. */
const STALL_MS = 100;

/** Tells how long this process's event loop stood still, each time it does. Answers how to stop. */
export function watchStalls(onStall: (ms: number) => void): () => void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const stallMs = nowMs - lastMs - EVERY_MS;
    lastMs = nowMs;
    if (stallMs >= STALL_MS) onStall(stallMs);
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
