/**
 * Makes a function that calls `fn` once, a microtask after it is called itself, in the async context of now.
 *
 * Whoever frees a place hands it on from its own stack, where the next call must not run: it would see the
 * AsyncLocalStorage values and the trace of another. Engines give a reaction of a promise the context in which it was
 * registered, so a promise carries the context without any API of one runtime.
 */
export function inThisContext(fn: () => void): () => void {
  let go!: () => void;
  void new Promise<void>((resolve) => (go = resolve)).then(fn);
  return go;
}
