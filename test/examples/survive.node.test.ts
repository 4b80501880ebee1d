import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { childrenOf, untilGone } from '../support/pids.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);
const TIMEOUT_MS = 60_000;

interface Fault {
  readonly fault: string;
  readonly attempts: number;
  readonly errors: number;
  readonly stored: number;
  readonly openedAfterMs: number | null;
}

interface Figures {
  readonly calls: number;
  readonly fresh: number;
  readonly stored: number;
  readonly errors: number;
  readonly faults: readonly Fault[];
}

interface Report {
  readonly kept: boolean;
  readonly promises: readonly { readonly id: string; readonly verdict: string; readonly detail: string }[];
  readonly runs: Readonly<Record<string, Figures>>;
}

/** Runs the demo. Both of its streams are read, so that parsing fails if it prints anything but JSON. */
async function runDemo(...args: readonly string[]): Promise<{ code: number | null; report: Report }> {
  await using demo = await spawnScript(DEMO, { args: ['survive', '--fast', '--json', ...args] });
  const { code } = await demo.exit;
  return { code, report: JSON.parse(demo.lines.join('\n')) as Report };
}

function verdictOf({ promises }: Report, id: string): string | undefined {
  return promises.find((promise) => promise.id === id)?.verdict;
}

describe.skipIf(!canRunTypeScript)('the demo of survival', () => {
  it('keeps every promise while the service is slow, killed and hung', { timeout: TIMEOUT_MS }, async () => {
    const { code, report } = await runDemo('--seed', '3');
    expect(report.promises.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
    expect(report.promises).toHaveLength(9);
    expect(code).toBe(0);
    const { holdfast, bare } = report.runs as { holdfast: Figures; bare: Figures };
    expect(holdfast.faults.map(({ fault }) => fault)).toEqual(['slow', 'killed', 'hung']);
    expect(holdfast.errors).toBe(0);
    expect(holdfast.fresh + holdfast.stored).toBe(holdfast.calls);
    expect(holdfast.fresh).toBeGreaterThan(0);
    for (const { stored } of holdfast.faults) expect(stored).toBeGreaterThan(0);
    expect(bare.errors).toBeGreaterThan(0);
    expect(bare.fresh + bare.errors).toBe(bare.calls);
  });

  it('judges bare calls by the same promises and exits with 1', { timeout: TIMEOUT_MS }, async () => {
    const { code, report } = await runDemo('--without');
    expect(code).toBe(1);
    expect(report.kept).toBe(false);
    for (const id of ['no-errors', 'spared']) expect(verdictOf(report, id)).toBe('broken');
    expect(verdictOf(report, 'nothing-while-open')).toBe('not judged');
  });

  it.for([
    ['fallback', 'no-errors'],
    ['breaker', 'spared'],
  ] as const)('breaks a promise when the %s is left out', { timeout: TIMEOUT_MS }, async ([layer, promise]) => {
    const { code, report } = await runDemo('--leave-out', layer);
    expect(verdictOf(report, promise)).toBe('broken');
    expect(code).toBe(1);
  });

  it('ends the service, frozen or not, when it is interrupted', { timeout: TIMEOUT_MS }, async () => {
    await using demo = await spawnScript(DEMO, { args: ['survive', '--fast'] });
    await demo.waitForLine(/^holdfast .*hung/);
    const children = childrenOf(demo.pid);
    expect(children.length).toBeGreaterThan(0);
    demo.signal('SIGINT');
    expect(await demo.exit).toEqual({ code: 130, signal: null });
    await Promise.all(children.map(untilGone));
  });

  it('ends a frozen service when it is killed itself', { timeout: TIMEOUT_MS }, async () => {
    await using demo = await spawnScript(DEMO, { args: ['survive', '--fast'] });
    await demo.waitForLine(/^holdfast .*hung/);
    const children = childrenOf(demo.pid);
    await demo.kill();
    await Promise.all(children.map(untilGone));
  });

  it('refuses options that it does not know, with exit code 2', { timeout: TIMEOUT_MS }, async () => {
    for (const args of [
      ['survive', '--sped'],
      ['survive', '--seed', '1.5'],
      ['survive', '--leave-out', 'roof'],
      ['tree'],
    ]) {
      await using demo = await spawnScript(DEMO, { args });
      expect(await demo.exit).toEqual({ code: 2, signal: null });
      expect(demo.lines.join('\n')).toContain(args.at(-1)!.replace(/^--?/, ''));
    }
  });
});
