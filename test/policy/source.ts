/** Counts what is drawn from it, and whether it was closed. */
export function source(length: number): {
  readonly drawn: number;
  readonly isClosed: boolean;
  items: Iterable<number>;
} {
  let drawn = 0;
  let isClosed = false;
  return {
    get drawn() {
      return drawn;
    },
    get isClosed() {
      return isClosed;
    },
    items: {
      [Symbol.iterator]: () => ({
        next: () => (drawn < length ? { done: false, value: drawn++ } : { done: true, value: undefined }),
        return: () => {
          isClosed = true;
          return { done: true, value: undefined };
        },
      }),
    },
  };
}
