/*
 * MD5 (RFC 1321), because libketama places by it. For nothing that must be secure.
 */

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

/** The additive constants, made at the first need from their definition: floor(2^32 * |sin(k + 1)|). */
let sines: Int32Array | undefined;

/** The digest as four little-endian words. */
export function md5(bytes: Uint8Array): Int32Array {
  sines ??= Int32Array.from({ length: 64 }, (_, k) => Math.floor(Math.abs(Math.sin(k + 1)) * 2 ** 32));
  const padded = new Uint8Array((bytes.length + 72) & -64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length << 3, true);
  view.setUint32(padded.length - 4, bytes.length / 2 ** 29, true);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let block = 0; block < padded.length; block += 64) absorb(state, view, block, sines);
  return state;
}

function absorb(state: Int32Array, view: DataView, block: number, constants: Int32Array): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (let k = 0; k < 64; k++) {
    const round = k >> 4;
    let mixed: number;
    let word: number;
    if (round === 0) [mixed, word] = [(b & c) | (~b & d), k];
    else if (round === 1) [mixed, word] = [(d & b) | (~d & c), 5 * k + 1];
    else if (round === 2) [mixed, word] = [b ^ c ^ d, 3 * k + 5];
    else [mixed, word] = [c ^ (b | ~d), 7 * k];
    const sum = (a + mixed + constants[k]! + view.getInt32(block + ((word & 15) << 2), true)) | 0;
    const shift = SHIFTS[(round << 2) | (k & 3)]!;
    [a, d, c] = [d, c, b];
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}
