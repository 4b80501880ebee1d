import { choice, slider } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, html, mark, picture, scale, seconds, svg, text } from '../kit/svg.ts';
import type { Act, SagaResult } from './saga-model.ts';
import { simulateSaga, steps } from './saga-model.ts';

const failures = {
  nothing: 'Nothing fails',
  charge: 'The card is refused',
  ship: 'Shipping is refused',
  notify: 'The mail fails twice',
};

const words: Readonly<Record<string, string>> = {
  completed: 'is completed',
  compensated: 'was undone',
  stuck: 'is stuck',
  running: 'still runs',
  compensating: 'is still being undone',
};

export function sagaPanel(): Panel<SagaResult> {
  const failing = choice('Failure', failures, 'nothing');
  const crashAt = slider({ label: 'Crash at', min: 100, max: 3000, step: 100, value: 1100, say: seconds });
  const lease = slider({ label: 'Lease', min: 500, max: 5000, step: 250, value: 1500, say: seconds });
  const crash = crashButton();
  return {
    id: 'saga',
    title: 'Saga',
    intro:
      'An order reserves, charges, ships and notifies, in process A. Let a step fail and see what came before undone in ' +
      'reverse order. Crash process A: B takes the order up when the lease has ended, and calls the step that was cut ' +
      'off again with the same key, so that money is taken once.',
    guide: 'documents/Guides_Sagas.html',
    controls: [failing, crash, crashAt, lease],
    simulate: (seed) =>
      simulateSaga({
        failing: failing.value,
        crashMs: crash.value ? crashAt.value : undefined,
        leaseMs: lease.value,
        seed,
      }),
    draw,
    tell: ({ status, endMs, charged, crashMs, takenOverMs }) => {
      const crashed = crashMs === undefined ? '' : ` Process A crashed after ${seconds(crashMs)}`;
      const taken = takenOverMs === undefined ? '' : `, B took over after ${seconds(takenOverMs)}`;
      return `After ${seconds(endMs)} the order ${words[status]}; ${charged} ${charged === 1 ? 'charge' : 'charges'} on the account.${crashed}${taken}${crashed && '.'}`;
    },
  };
}

/** A button that stays pressed. */
function crashButton(): { readonly element: HTMLButtonElement; readonly value: boolean } {
  const element = html('button', { type: 'button', 'aria-pressed': 'false' }, ['Crash process A']);
  const isPressed = (): boolean => element.getAttribute('aria-pressed') === 'true';
  element.addEventListener('click', () => {
    element.setAttribute('aria-pressed', String(!isPressed()));
    element.dispatchEvent(new Event('input', { bubbles: true }));
  });
  return {
    element,
    get value() {
      return isPressed();
    },
  };
}

const ROW = 34;

function draw(result: SagaResult, width: number): readonly Element[] {
  const { acts, status, crashMs, takenOverMs, endMs, charged, story } = result;
  const left = 66;
  const x = scale(0, Math.max(3000, endMs), left, width - 10);
  const bottom = 24 + steps.length * ROW;
  const lines = steps.flatMap((step, k) => [
    text(left - 8, 24 + k * ROW + 18, step, { class: 'tick', 'text-anchor': 'end' }),
    svg('line', { class: 'grid', x1: left, x2: x.end, y1: 24 + (k + 1) * ROW - 3, y2: 24 + (k + 1) * ROW - 3 }),
  ]);
  return [
    legend([
      ['c0', 'process A'],
      ['c1', 'process B'],
      ['c0 undoing', 'undoes'],
      ['bad', 'failed'],
      ['c0 cut', 'cut off'],
    ]),
    picture(width, bottom + 26, 'Steps of the order over time', [
      svg('g', { 'data-status': status, 'data-charged': charged, 'data-end-ms': endMs }),
      ...lines,
      ...acts.map((act) => drawAct(act, x)),
      ...(crashMs === undefined
        ? []
        : [drawMoment(crashMs, x, { bottom, style: 'bad', said: 'A crashes', side: 'end' })]),
      ...(takenOverMs === undefined
        ? []
        : [drawMoment(takenOverMs, x, { bottom, style: 'c1', said: 'B takes over', side: 'start' })]),
      axisX(x, bottom, seconds),
    ]),
    html('pre', { class: 'story', tabindex: 0, 'aria-label': 'The log of the order' }, [story]),
  ];
}

function drawAct({ step, kind, process, fromMs, toMs, end }: Act, x: ReturnType<typeof scale>): Element {
  const owner = process === 'A' ? 'c0' : 'c1';
  const style =
    end === 'failed' ? 'bad' : `${owner}${kind === 'undo' ? ' undoing' : ''}${end === 'cut off' ? ' cut' : ''}`;
  const box = {
    x: x(fromMs),
    y: 24 + steps.indexOf(step) * ROW + 6,
    width: Math.max(1, x(toMs) - x(fromMs)),
    height: 20,
  };
  const data = { 'data-step': step, 'data-kind': kind, 'data-process': process, 'data-end': end };
  const tip = `${process} ${kind === 'undo' ? 'undoes' : 'runs'} ${step}, ${fromMs} to ${toMs} ms: ${end}`;
  return mark('rect', { class: style, ...box, rx: 2, ...data, 'data-from-ms': fromMs, 'data-to-ms': toMs }, tip);
}

/** A moment with its words at the left of it or at the right, so that two moments that are close can be read. */
function drawMoment(
  atMs: number,
  x: ReturnType<typeof scale>,
  { bottom, style, said, side }: { bottom: number; style: string; said: string; side: 'start' | 'end' },
): Element {
  const at = x(atMs);
  return svg('g', { 'data-moment': said, 'data-at-ms': atMs }, [
    svg('line', { class: `moment ${style}`, x1: at, x2: at, y1: 4, y2: bottom }),
    text(at + (side === 'end' ? -5 : 5), 14, said, { class: 'tick', 'text-anchor': side }),
  ]);
}
