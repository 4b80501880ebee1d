import { html } from './svg.ts';

/** Something that the visitor sets. */
export interface Control<T> {
  readonly element: HTMLElement;
  readonly value: T;
}

export interface SliderOptions {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly value: number;
  /** How to say a value; the number itself by default. */
  readonly say?: (value: number) => string;
}

let made = 0;

/** A number on a slider, said beside it. */
export function slider({ label, min, max, step = 1, value, say = String }: SliderOptions): Control<number> {
  const id = `control-${++made}`;
  const input = html('input', { type: 'range', id, min, max, step, value });
  const output = html('output', { for: id }, [say(value)]);
  const told = (): void => {
    output.textContent = say(Number(input.value));
    input.setAttribute('aria-valuetext', output.textContent);
  };
  told();
  input.addEventListener('input', told);
  return {
    element: html('div', { class: 'control' }, [html('label', { for: id }, [label]), input, output]),
    get value() {
      return Number(input.value);
    },
  };
}

/** One of several values. */
export function choice<T extends string>(
  label: string,
  options: Readonly<Record<T, string>>,
  value: NoInfer<T>,
): Control<T> {
  const id = `control-${++made}`;
  const entries = Object.entries(options) as [T, string][];
  const select = html(
    'select',
    { id },
    entries.map(([name, words]) => html('option', { value: name }, [words])),
  );
  select.value = value;
  return {
    element: html('div', { class: 'control' }, [html('label', { for: id }, [label]), select]),
    get value() {
      return select.value as T;
    },
  };
}

/** Something on or off. */
export function toggle(label: string, value: boolean): Control<boolean> {
  const id = `control-${++made}`;
  const input = html('input', { type: 'checkbox', id });
  input.checked = value;
  return {
    element: html('div', { class: 'control toggle' }, [input, html('label', { for: id }, [label])]),
    get value() {
      return input.checked;
    },
  };
}

/** A line of text. */
export function line(label: string, value: string): Control<string> {
  const id = `control-${++made}`;
  const input = html('input', { type: 'text', id, autocomplete: 'off', spellcheck: 'false' });
  input.value = value;
  return {
    element: html('div', { class: 'control' }, [html('label', { for: id }, [label]), input]),
    get value() {
      return input.value;
    },
  };
}

export interface Action {
  readonly element: HTMLButtonElement;
}

/** A button. What it did is drawn by the panel it is in. */
export function action(label: string, act: () => void): Action {
  const button = html('button', { type: 'button' }, [label]);
  button.addEventListener('click', () => {
    act();
    button.dispatchEvent(new Event('input', { bubbles: true }));
  });
  return { element: button };
}
