/** One 64-bit number, and its two halves in the order of this machine. */
export interface Words {
  readonly ids: BigUint64Array;
  readonly halves: Uint32Array;
  /** Which of the halves is the lower: 0 nearly everywhere. */
  readonly low: number;
}

let words: Words | undefined;

/** The scratch words, through which an id is put together without arithmetic on bigints. */
export function scratch(): Words {
  if (!words) {
    const ids = new BigUint64Array([1n]);
    const halves = new Uint32Array(ids.buffer);
    words = { ids, halves, low: halves[1]! };
  }
  return words;
}
