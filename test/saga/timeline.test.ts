import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../../src/saga/index.ts';
import { createSagaRunner, memorySagaStore, saga, timeline } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

function entry(seq: number, part: Partial<LogEntry>): LogEntry {
  return { seq, type: 'completed', path: 'a', attempt: 1, data: null, fence: 1, atMs: 1000, ...part };
}

describe('timeline', () => {
  it('tells when, where and what, a line for each entry', () => {
    const log = [
      entry(0, { data: '"ok"' }),
      entry(1, { path: 'charge/card', type: 'failed', atMs: 1250, data: '{"name":"Error","message":"declined"}' }),
      entry(2, { path: 'charge/card', type: 'failed', attempt: 2, atMs: 2000, data: '{"message":"declined"}' }),
      entry(3, { path: '', type: 'compensating', attempt: 0, atMs: 2000 }),
    ];
    expect(timeline(log).split('\n')).toEqual([
      '   +0 ms  a            done  "ok"',
      ' +250 ms  charge/card  failed  declined',
      '+1000 ms  charge/card  failed (attempt 2)  declined',
      '+1000 ms  (saga)       turns back',
    ]);
  });

  it('says where another process went on', () => {
    const text = timeline([entry(0, {}), entry(1, { fence: 3, path: 'b' }), entry(2, { fence: 3, path: 'c' })]);
    expect(text.split('\n')).toEqual([
      '+0 ms  a  done',
      '       -- taken up again, fence 3 --',
      '+0 ms  b  done',
      '+0 ms  c  done',
    ]);
  });

  it('cuts long values short, and takes any value', () => {
    const lines = timeline([
      entry(0, { data: JSON.stringify('x'.repeat(500)) }),
      entry(1, { data: 'null' }),
      entry(2, { data: '{"message":5}' }),
    ]).split('\n');
    expect(lines[0]!.length).toBeLessThan(90);
    expect(lines[0]).toMatch(/x…$/);
    expect(lines.slice(1)).toEqual(['+0 ms  a  done  null', '+0 ms  a  done  {"message":5}']);
  });

  it('is empty for an empty log', () => {
    expect(timeline([])).toBe('');
  });

  it('tells the story of a saga that a runner has driven', async () => {
    const clock = createVirtualClock();
    const store = memorySagaStore({ clock });
    const order = saga('order')
      .step('reserve', { run: () => 1, compensate: () => {} })
      .when('gift', () => false, { run: () => 1 })
      .step('charge', {
        run: () => {
          throw new Error('declined');
        },
      });
    const runner = createSagaRunner({ store, sagas: [order], clock });
    const handle = await runner.start(order, undefined, { id: 'a' });
    await expect(handle.result()).rejects.toThrow('undone');
    const text = timeline(await runner.history('a'));
    expect(text).not.toContain('undefined');
    expect(
      text.split('\n').map((line) =>
        line
          .trim()
          .split(/\s{2,}/)
          .slice(1),
      ),
    ).toEqual([
      ['reserve', 'done', '1'],
      ['gift', 'left out'],
      ['charge', 'failed', 'declined'],
      ['charge', 'turns back', 'declined'],
      ['reserve', 'undone'],
    ]);
    await runner.close();
  });
});
