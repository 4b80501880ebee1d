import { expect } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import type { CreateContext, Pool } from '../../src/pool/index.ts';

/** A real server and how to talk to it. */
export interface Service<C> {
  connect(ctx: CreateContext): Promise<C>;
  /** One round trip, bounded in time. */
  ask(connection: C): Promise<unknown>;
  /** Lets go of a connection, whatever state it is in. */
  end(connection: C): void | Promise<void>;
  /** Takes the server away. */
  fell(): void | Promise<void>;
  /** Gives it back; resolves when it accepts connections. */
  raise(): void | Promise<void>;
}

interface Findings {
  /** Creates that began in the first 2.5 s of the outage, and in the last second of these. */
  readonly attempts: number;
  readonly lastAttempts: number;
  /** From the return of the server to the first answer. */
  readonly recoveryMs: number;
  /** From the return of the server to half the answers per 100 ms of before the outage. */
  readonly halfMs: number;
  /** By how much an acquire outlasted its deadline at most. */
  readonly lateMs: number;
  /** The most connections, opening and closing ones included, at one time. */
  readonly peak: number;
  readonly answersBefore: number;
  readonly codes: ReadonlySet<unknown>;
  readonly stats: ReturnType<Pool<unknown>['stats']>;
}

const MAX = 10;
const BORROWERS = 100;
const OUTAGE_MS = 2_500;
const TIMEOUT_MS = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** 100 borrowers over 10 connections, the server gone for 2.5 s, then back; everything closed in the end. */
export async function runOutage<C>(service: Service<C>): Promise<Findings> {
  const attemptsMs: number[] = [];
  const answersMs: number[] = [];
  const codes = new Set<unknown>();
  let [live, peak, lateMs, isOver] = [0, 0, 0, false];
  const pool = createPool<C>({
    create: async (ctx) => {
      attemptsMs.push(performance.now());
      peak = Math.max(peak, ++live);
      try {
        return await service.connect(ctx);
      } catch (error) {
        live--;
        throw error;
      }
    },
    destroy: async (connection) => {
      await service.end(connection);
      live--;
    },
    max: MAX,
    acquireTimeoutMs: TIMEOUT_MS,
    createTimeoutMs: 800,
    createBackoff: { baseMs: 50, maxMs: 400 },
  });
  const borrower = async (): Promise<void> => {
    while (!isOver) {
      const startMs = performance.now();
      try {
        const lease = await pool.acquire();
        lateMs = Math.max(lateMs, performance.now() - startMs - TIMEOUT_MS);
        try {
          await service.ask(lease.resource);
          answersMs.push(performance.now());
        } catch (error) {
          lease.destroy(error);
        }
        lease.release();
        await pause(5);
      } catch (error) {
        lateMs = Math.max(lateMs, performance.now() - startMs - TIMEOUT_MS);
        codes.add((error as { code?: unknown }).code);
      }
    }
  };
  const borrowers = Array.from({ length: BORROWERS }, borrower);
  await pause(1_000);
  const before = answersMs.filter((atMs) => atMs > performance.now() - 500).length;
  const felledMs = performance.now();
  await service.fell();
  await pause(OUTAGE_MS - (performance.now() - felledMs));
  const isIn = (fromMs: number) => (atMs: number) => atMs >= felledMs + fromMs && atMs < felledMs + OUTAGE_MS;
  const [attempts, lastAttempts] = [
    attemptsMs.filter(isIn(0)).length,
    attemptsMs.filter(isIn(OUTAGE_MS - 1_000)).length,
  ];
  const soonMs = performance.now();
  await service.raise();
  const raisedMs = performance.now();
  await pause(2_500);
  isOver = true;
  await Promise.all(borrowers);
  await pool.close();
  const after = answersMs.filter((atMs) => atMs >= soonMs);
  const halfMs = after.find(
    (atMs) => after.filter((other) => other >= atMs && other < atMs + 100).length >= before / 10,
  );
  return {
    attempts,
    lastAttempts,
    lateMs,
    peak,
    codes,
    answersBefore: before,
    stats: pool.stats(),
    recoveryMs: (after[0] ?? Infinity) - raisedMs,
    halfMs: (halfMs ?? Infinity) - raisedMs,
  };
}

/** What a pool promises for such a run. */
export function expectPromises(findings: Findings): void {
  expect(findings.answersBefore, 'it served').toBeGreaterThan(100);
  expect(findings.attempts, 'attempts to connect').toBeLessThanOrEqual(35);
  expect(findings.lastAttempts, 'attempts in the last second').toBeLessThanOrEqual(5);
  expect(findings.recoveryMs, 'first answer').toBeLessThanOrEqual(500);
  expect(findings.halfMs, 'half of the throughput').toBeLessThanOrEqual(1_200);
  expect(findings.lateMs, 'the latest acquire').toBeLessThanOrEqual(300);
  expect(findings.peak, 'connections at a time').toBeLessThanOrEqual(MAX);
  expect([...findings.codes], 'errors').toEqual(['ERR_POOL_TIMEOUT']);
  expect(findings.stats).toMatchObject({ size: 0, waiting: 0, created: findings.stats.destroyed });
}
