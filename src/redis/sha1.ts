/** The SHA-1 of an ASCII text in hex: the name under which Redis keeps a script. */
export function sha1(text: string): string {
  const blocks = ((text.length + 8) >> 6) + 1;
  const message = new Int32Array(blocks * 16);
  for (let at = 0; at < text.length; at++) message[at >> 2]! |= text.charCodeAt(at) << (24 - 8 * (at & 3));
  message[text.length >> 2]! |= 0x80 << (24 - 8 * (text.length & 3));
  message[blocks * 16 - 1] = text.length * 8;
  let state: readonly number[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let block = 0; block < blocks; block++) {
    const result = compress(state, message.subarray(block * 16, block * 16 + 16));
    state = state.map((word, at) => word + result[at]!);
  }
  return state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function compress(state: readonly number[], block: Int32Array): readonly number[] {
  const words = new Int32Array(80);
  words.set(block);
  let [a, b, c, d, e] = state as [number, number, number, number, number];
  for (let step = 0; step < 80; step++) {
    if (step > 15) {
      words[step] = rotate(words[step - 3]! ^ words[step - 8]! ^ words[step - 14]! ^ words[step - 16]!, 1);
    }
    let mixed = (b ^ c ^ d) + (step < 40 ? 0x6ed9eba1 : 0xca62c1d6);
    if (step < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
    else if (step >= 40 && step < 60) mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    mixed = (rotate(a, 5) + mixed + e + words[step]!) | 0;
    [e, d, c, b, a] = [d, c, rotate(b, 30), a, mixed];
  }
  return [a, b, c, d, e];
}
