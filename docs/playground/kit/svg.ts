const NS = 'http://www.w3.org/2000/svg';

/** What an attribute may be; `undefined` leaves it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An SVG element. Numbers are cut to what a screen can show, save those of data attributes. */
export function svg(tag: string, attributes: Attributes = {}, children: readonly (Element | string)[] = []): Element {
  return fill(document.createElementNS(NS, tag), attributes, children);
}

/** An HTML element. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  children: readonly (Element | string)[] = [],
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly (Element | string)[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    const isDrawn = typeof value === 'number' && !name.startsWith('data-');
    element.setAttribute(name, isDrawn ? String(Math.round(value * 100) / 100) : String(value));
  }
  element.append(...children);
  return element;
}

/** A picture with a text in its place for who cannot see it. */
export function picture(width: number, height: number, label: string, children: readonly Element[]): Element {
  return svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, children);
}

/** A mark with a tooltip. */
export function mark(tag: string, attributes: Attributes, tip: string): Element {
  return svg(tag, attributes, [svg('title', {}, [tip])]);
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): Element {
  return svg('text', { x, y, ...attributes }, [content]);
}

/** Where values lie on the screen. */
export interface Scale {
  (value: number): number;
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

/** A straight scale from the values `from ... to` to the places `start ... end`. */
export function scale(from: number, to: number, start: number, end: number): Scale {
  const factor = (end - start) / (to - from || 1);
  return Object.assign((value: number) => start + (value - from) * factor, { from, to, start, end });
}

/** About `wanted` round values in a scale. */
export function ticks({ from, to }: Scale, wanted: number): number[] {
  const rough = (to - from) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) {
    values.push(Math.round(value / step) * step);
  }
  return values;
}

/** The axis below a picture: its line, its ticks and what they say. */
export function axisX(x: Scale, y: number, say: (value: number) => string): Element {
  const wanted = Math.max(2, Math.floor((x.end - x.start) / 80));
  const marks = ticks(x, wanted).flatMap((value) => {
    const at = x(value);
    const anchor = at - x.start < 12 ? 'start' : x.end - at < 12 ? 'end' : 'middle';
    return [
      svg('line', { class: 'axis', x1: at, x2: at, y1: y, y2: y + 4 }),
      text(at, y + 17, say(value), { class: 'tick', 'text-anchor': anchor }),
    ];
  });
  return svg('g', {}, [svg('line', { class: 'axis', x1: x.start, x2: x.end, y1: y, y2: y }), ...marks]);
}

/** The axis at the left of a picture, with lines across. */
export function axisY(y: Scale, left: number, right: number, say: (value: number) => string): Element {
  const marks = ticks(y, Math.max(2, Math.floor(Math.abs(y.start - y.end) / 40))).flatMap((value) => [
    svg('line', { class: 'grid', x1: left, x2: right, y1: y(value), y2: y(value) }),
    text(left - 6, y(value) + 4, say(value), { class: 'tick', 'text-anchor': 'end' }),
  ]);
  return svg('g', {}, marks);
}

/** Milliseconds as seconds. */
export const seconds = (ms: number): string => `${Math.round(ms / 100) / 10}\u00a0s`;

/** A share as a percentage that is not rounded to nothing. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return '0\u00a0%';
  return `${value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : value.toPrecision(1)}\u00a0%`;
}

/** A whole number with thin spaces between its thousands. */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, '\u2009');
