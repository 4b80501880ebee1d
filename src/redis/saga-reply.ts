import type { LogEntry, SagaRecord, SagaSignal, SagaSnapshot, SagaStatus } from '../saga/saga-store.ts';

/** Fields and values in turn, as HGETALL answers in a script, by field. */
function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const flat = reply as readonly unknown[];
  const fields = new Map<string, string>();
  for (let k = 0; k < flat.length; k += 2) fields.set(String(flat[k]), String(flat[k + 1]));
  return fields;
}

/** A saga as it is stored; undefined where there is none. */
export function recordOf(reply: unknown): SagaRecord | undefined {
  const fields = fieldsOf(reply);
  if (fields.size === 0) return undefined;
  const text = (name: string): string => fields.get(name)!;
  const optional = (name: string): number | null => (text(name) === '' ? null : Number(text(name)));
  return {
    id: text('id'),
    name: text('name'),
    version: Number(text('version')),
    status: text('status') as SagaStatus,
    input: text('input'),
    worker: text('worker') || null,
    fence: Number(text('fence')),
    recoveries: Number(text('recoveries')),
    signals: Number(text('signals')),
    cancelReason: fields.get('cancelReason') ?? null,
    isCancellable: text('isCancellable') === '1',
    wakeAtMs: optional('wakeAtMs'),
    createdAtMs: Number(text('createdAtMs')),
    finishedAtMs: optional('finishedAtMs'),
  };
}

/** Those of many that are there. */
export function recordsOf(reply: unknown): SagaRecord[] {
  return (reply as readonly unknown[]).flatMap((each) => recordOf(each) ?? []);
}

/** Fence, time and JSON, with a blank between. */
function entryOf(text: string, seq: number): LogEntry {
  const [, fence, atMs, json] = /^(\d+) (\d+) (.*)$/s.exec(text)!;
  return { ...(JSON.parse(json!) as Omit<LogEntry, 'seq'>), seq, fence: Number(fence), atMs: Number(atMs) };
}

/** Everything about a saga; undefined where there is none. */
export function snapshotOf(reply: unknown): SagaSnapshot | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [fields, log, events, nowMs] = reply as readonly unknown[];
  const record = recordOf(fields);
  return (
    record && {
      record,
      log: (log as readonly unknown[]).map((each, seq) => entryOf(String(each), seq)),
      events: Array.from(fieldsOf(events), ([name, payload]): SagaSignal => ({ name, payload })),
      nowMs: Number(nowMs),
    }
  );
}

/** In the order of their bytes in UTF-8, as Redis sorts; JavaScript's own order differs above U+FFFF. */
export function byteOrder(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let k = 0; k < left.length && k < right.length; k++) {
    if (left[k] !== right[k]) return left[k]!.codePointAt(0)! - right[k]!.codePointAt(0)!;
  }
  return left.length - right.length;
}
