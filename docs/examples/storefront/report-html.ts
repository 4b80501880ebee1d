import type { Judgement } from '../survive/promises.ts';
import type { PhaseRecord } from './recording.ts';
import type { CircuitSeries, Series } from './series.ts';

export interface Report {
  readonly title: string;
  readonly about: string;
  readonly phases: readonly PhaseRecord[];
  readonly series: Series;
  readonly judgements: readonly Judgement[];
  readonly figures: readonly (readonly [string, string])[];
}

const WIDTH = 960;
const LEFT = 120;
const PLOT = WIDTH - LEFT - 12;
const CHART = 150;
const ROW = 18;

const STYLE = `:root{--bg:#fff;--fg:#1c2430;--dim:#5d6a7a;--line:#d5dbe3;--fault:#f6d9d5;--ok:#237548;--wait:#c98a12;--bad:#c43d32;--old:#2f7fb5}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--fg:#e4e9f0;--dim:#93a1b3;--line:#2d3743;--fault:#4a2522;--ok:#4fbf85;--wait:#e0ab45;--bad:#ef6a5e;--old:#62b0e8}}
body{margin:0 auto;max-width:1000px;padding:24px 16px;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 6px}p{color:var(--dim);margin:0 0 12px}
svg{display:block;width:100%;min-width:640px;height:auto}.wide{overflow-x:auto}td.kept,td.broken{white-space:nowrap}td.dim{overflow-wrap:anywhere}
text{fill:var(--dim);font-size:11px}.strong{fill:var(--fg)}
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:6px 8px;vertical-align:top}
.ok{fill:var(--ok)}.wait{fill:var(--wait)}.bad{fill:var(--bad)}.old{fill:var(--old)}.fault{fill:var(--fault)}.axis{stroke:var(--line)}
.kept{color:var(--ok)}.broken{color:var(--bad);font-weight:600}.dim{color:var(--dim)}
.legend span{display:inline-block;margin-right:16px;color:var(--fg)}.legend i{display:inline-block;width:10px;height:10px;margin-right:5px}`;

type Layer = readonly [label: string, style: 'ok' | 'wait' | 'bad', values: readonly number[]];

/** A page that needs nothing but itself. */
export function htmlReport(report: Report): string {
  const { title, about, phases, series, judgements, figures } = report;
  const { requests, orders, circuits } = series;
  const asked: readonly Layer[] = [
    ['answered', 'ok', requests.ok],
    ['over the rate limit', 'wait', requests.limited],
    ['failed', 'bad', requests.failed],
  ];
  const ordered: readonly Layer[] = [
    ['confirmed', 'ok', orders.confirmed],
    ['refused', 'wait', orders.refused],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><style>${STYLE}</style></head><body><main>
<h1>${escape(title)}</h1><p>${escape(about)}</p>
<h2>Requests a second</h2>${legend(asked)}${chart('Requests a second', series, phases, asked)}
<h2>Orders a second</h2>${legend(ordered)}${chart('Orders a second', series, phases, ordered)}
<h2>Circuits</h2>${bands(series, phases, circuits)}
<h2>Promises</h2><table>${judgements.map(promiseRow).join('')}</table>
<h2>Figures</h2><table>${figures.map(([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(value)}</td></tr>`).join('')}</table>
</main></body></html>
`;
}

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
}

function legend(layers: readonly Layer[]): string {
  const items = layers.map(([label, style]) => `<span><i style="background:var(--${style})"></i>${label}</span>`);
  return `<p class="legend">${items.join('')}<span><i style="background:var(--fault)"></i>fault</span></p>`;
}

function xOf({ startMs, sliceMs, slices }: Series, atMs: number): number {
  const share = Math.min(1, Math.max(0, (atMs - startMs) / (sliceMs * slices)));
  return LEFT + share * PLOT;
}

/** The faults behind a drawing of this height, with their names on top. */
function faultBands(series: Series, phases: readonly PhaseRecord[], height: number): string {
  const faults = phases.filter(({ name }) => name !== 'calm');
  return faults
    .map(({ name, startMs, endMs }, k) => {
      const [x, end] = [xOf(series, startMs), xOf(series, endMs)];
      const label = `<text class="strong" x="${x.toFixed(1)}" y="${k % 2 === 0 ? 11 : 24}">${name}</text>`;
      return `<rect class="fault" x="${x.toFixed(1)}" y="28" width="${(end - x).toFixed(1)}" height="${height}"/>${label}`;
    })
    .join('');
}

function timeAxis(series: Series, y: number): string {
  const seconds = (series.sliceMs * series.slices) / 1_000;
  const step = seconds > 20 ? 5 : 1;
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, k) => k * step);
  return ticks
    .map(
      (s) =>
        `<text x="${xOf(series, series.startMs + s * 1_000).toFixed(1)}" y="${y}" text-anchor="middle">${s} s</text>`,
    )
    .join('');
}

/** Layers on top of each other, a column for each slice. */
function chart(title: string, series: Series, phases: readonly PhaseRecord[], layers: readonly Layer[]): string {
  const sums = Array.from({ length: series.slices }, (_, k) =>
    layers.reduce((sum, [, , values]) => sum + values[k]!, 0),
  );
  const most = Math.max(...sums) || 1;
  const wide = PLOT / series.slices;
  const columns = sums.flatMap((_, k) => {
    let y = 28 + CHART;
    return layers.map(([label, style, values]) => {
      const tall = (values[k]! / most) * CHART;
      y -= tall;
      if (tall === 0) return '';
      const place = `x="${(LEFT + k * wide).toFixed(1)}" y="${y.toFixed(1)}" width="${(wide * 0.9).toFixed(1)}" height="${tall.toFixed(1)}"`;
      return `<rect class="${style}" ${place}><title>${label}: ${values[k]!.toFixed(1)} a second</title></rect>`;
    });
  });
  const scale = [0, 0.5, 1].map((share) => {
    const y = (28 + CHART * (1 - share)).toFixed(1);
    return `<line class="axis" x1="${LEFT}" x2="${WIDTH - 12}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${y}" text-anchor="end">${(most * share).toFixed(0)}</text>`;
  });
  const height = CHART + 48;
  const drawn = `${faultBands(series, phases, CHART)}${scale.join('')}${columns.join('')}${timeAxis(series, height - 4)}`;
  return picture(title, height, drawn);
}

/** A row for each circuit: nothing where it is closed. */
function bands(series: Series, phases: readonly PhaseRecord[], circuits: readonly CircuitSeries[]): string {
  const wide = PLOT / series.slices;
  const rows = circuits.map(({ name, states }, nth) => {
    const y = 32 + nth * ROW;
    const cells = states.map((state, k) => {
      if (state === 'closed') return '';
      const style = state === 'open' ? 'bad' : 'wait';
      return `<rect class="${style}" x="${(LEFT + k * wide).toFixed(1)}" y="${y}" width="${wide.toFixed(2)}" height="${ROW - 6}"><title>${state}</title></rect>`;
    });
    const base = `<line class="axis" x1="${LEFT}" x2="${WIDTH - 12}" y1="${y + 6}" y2="${y + 6}"/>`;
    return `<text class="strong" x="${LEFT - 6}" y="${y + 10}" text-anchor="end">${escape(name)}</text>${base}${cells.join('')}`;
  });
  const height = 40 + circuits.length * ROW + 20;
  const drawn = `${faultBands(series, phases, circuits.length * ROW + 4)}${rows.join('')}${timeAxis(series, height - 4)}`;
  return picture('States of the circuits', height, drawn);
}

/** A drawing with a name, which scrolls by itself on a narrow screen, by keyboard too. */
function picture(title: string, height: number, drawn: string): string {
  const svg = `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">${drawn}</svg>`;
  return `<div class="wide" role="region" aria-label="${title}" tabindex="0">${svg}</div>`;
}

function promiseRow({ promise, verdict, detail }: Judgement): string {
  return `<tr><td class="${verdict === 'kept' ? 'kept' : 'broken'}">${verdict}</td><td>${escape(promise)}</td><td class="dim">${escape(detail)}</td></tr>`;
}
