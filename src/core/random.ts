/** A source of numbers in [0, 1), as `Math.random` is. */
export type Random = () => number;

/** `Math.random`, looked up at each call. */
export const systemRandom: Random = () => Math.random();
