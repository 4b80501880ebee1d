/** The SHA-1 of an ASCII text in hex: the name under which Redis keeps a script. */
export function sha1(text: string): string {
  // A bit behind the text, and its length in bits at the end of the last block of 16 words.
  const size = ((text.length + 72) >> 6) * 16;
  const message = new Int32Array(size);
  for (let at = 0; at < text.length; at++) message[at >> 2]! |= text.charCodeAt(at) << (24 - 8 * (at & 3));
  message[text.length >> 2]! |= 0x80 << (24 - 8 * (text.length & 3));
  message[size - 1] = text.length * 8;
  let state: readonly number[] = [0x67452301, ~0x10325476, ~0x67452301, 0x10325476, 0xc3d2e1f0];
  for (let at = 0; at < size; at += 16) {
    const result = compress(state, message.subarray(at, at + 16));
    state = state.map((word, k) => (word + result[k]!) | 0);
  }
  return state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function compress(state: readonly number[], block: Int32Array): readonly number[] {
  const words = [...block];
  let [a, b, c, d, e] = state as [number, number, number, number, number];
  for (let step = 0; step < 80; step++) {
    const word = (words[step] ??= rotate(
      words[step - 3]! ^ words[step - 8]! ^ words[step - 14]! ^ words[step - 16]!,
      1,
    ));
    const round = Math.floor(step / 20);
    const mixed = [d ^ (b & (c ^ d)), b ^ c ^ d, (b & c) | (d & (b | c)), b ^ c ^ d][round]!;
    // The constants of the rounds are these roots by definition.
    const root = Math.floor(2 ** 30 * Math.sqrt([2, 3, 5, 10][round]!));
    [e, d, c, b, a] = [d, c, rotate(b, 30), a, (rotate(a, 5) + mixed + e + word + root) | 0];
  }
  return [a, b, c, d, e];
}
