import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';

export type Style = Parameters<typeof styleText>[0];

/** A stream as a place to draw on, be it a terminal or a log. */
export class Terminal {
  readonly #stream: WriteStream;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  get isInteractive(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Columns, never more than reads well. */
  get columns(): number {
    return Math.min(this.#stream.columns || 80, 100);
  }

  /** Colours where the stream takes them; NO_COLOR is obeyed. */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stream });
  }

  print(line: string = ''): void {
    this.#stream.write(`${line}\n`);
  }

  /** Draws over the current line. */
  redraw(line: string): void {
    this.#stream.write(`\r${line}\x1b[K`);
  }

  hideCursor(): void {
    if (this.isInteractive) this.#stream.write('\x1b[?25l');
  }

  showCursor(): void {
    if (this.isInteractive) this.#stream.write('\r\x1b[K\x1b[?25h');
  }
}

/** With the thousands set apart. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Lines of at most `width` columns, broken at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
