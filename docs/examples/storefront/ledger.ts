import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A line of the ledger: money that came, money that went back, or a key that must not be charged any more. */
export interface LedgerEntry {
  readonly type: 'charge' | 'refund' | 'void';
  readonly key: string;
  readonly orderId: string;
  readonly cents: number;
}

/** What a killed payment service has written is there when it comes back. A half-written last line was never answered. */
export function readLedger(file: string): readonly LedgerEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LedgerEntry);
}

export function appendLedger(file: string, entry: LedgerEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
