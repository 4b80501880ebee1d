/** Bytes that stay after `make` has run, its result kept, buffers included. */
export async function retained(make: () => unknown): Promise<number> {
  const before = used();
  const kept = await make();
  const after = used();
  if (kept === undefined) throw new Error('nothing was kept'); // also keeps it alive until here
  return after - before;
}

function used(): number {
  for (let k = 0; k < 3; k++) globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
