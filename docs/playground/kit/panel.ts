import { html } from './svg.ts';

/** A part of the page: what can be set, what happens then, and how that looks. */
export interface Panel<R> {
  /** Names the panel in the page and in tests. */
  readonly id: string;
  readonly title: string;
  /** What to look at, in a sentence or two. */
  readonly intro: string;
  /** The guide, from the folder of the site. */
  readonly guide: string;
  readonly controls: readonly { readonly element: HTMLElement }[];
  /** Runs the real thing on a clock of its own. The same settings and seed give the same result. */
  simulate(seed: number): R | Promise<R>;
  /** Draws a result into a width in pixels. */
  draw(result: R, width: number): readonly Element[];
  /** The result in a sentence, read aloud when it changes. */
  tell(result: R): string;
}

/** A panel in the page. */
export interface Mounted {
  readonly element: HTMLElement;
  refresh(): Promise<void>;
}

/** Puts a panel together. `seed` is asked at each run. */
export function mount<R>(panel: Panel<R>, seed: () => number): Mounted {
  const figure = html('div', { class: 'figure' });
  const status = html('p', { class: 'status', 'aria-live': 'polite' });
  const form = html('form', { class: 'controls' });
  form.append(...panel.controls.map(({ element }) => element));
  form.addEventListener('submit', (event) => event.preventDefault());
  const element = html('section', { id: panel.id, class: 'panel', 'aria-labelledby': `${panel.id}-title` }, [
    html('h2', { id: `${panel.id}-title` }, [panel.title]),
    html('p', { class: 'intro' }, [`${panel.intro} `, html('a', { href: `../${panel.guide}` }, ['Guide'])]),
    form,
    figure,
    status,
  ]);

  let runs = 0;
  let drawn = 0;
  let last: { readonly result: R; readonly run: number } | undefined;
  let paintedWidth = 0;
  const paint = (): void => {
    if (!last) return;
    paintedWidth = figure.clientWidth;
    figure.replaceChildren(...panel.draw(last.result, Math.max(260, paintedWidth)));
    if (last.run === runs) element.dataset['drawn'] = String(++drawn);
  };
  const refresh = async (): Promise<void> => {
    const run = ++runs;
    delete element.dataset['drawn'];
    const result = await panel.simulate(seed());
    if (run !== runs) return; // the settings have changed meanwhile
    last = { result, run };
    status.textContent = panel.tell(result);
    paint();
  };
  form.addEventListener('input', () => void refresh());
  // Drawing changes the height, which must not lead to drawing again.
  new ResizeObserver(() => {
    if (figure.clientWidth !== paintedWidth) paint();
  }).observe(figure);
  return { element, refresh };
}

/** What the colours of a picture mean. */
export function legend(entries: readonly (readonly [className: string, words: string])[]): HTMLElement {
  return html(
    'ul',
    { class: 'legend' },
    entries.map(([className, words]) => html('li', {}, [html('span', { class: `swatch ${className}` }), words])),
  );
}
