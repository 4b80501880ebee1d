import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallContext } from '../../../src/index.ts';
import { createSeededRandom } from '../../../src/testing/index.ts';
import { CircuitWatch } from './circuit-watch.ts';
import type { Client, LayerName } from './clients.ts';
import { bareClient, holdfastClient } from './clients.ts';
import type { Phase, Plan } from './plan.ts';
import type { Price } from './prices.ts';
import { PriceService } from './prices.ts';
import { Recording } from './recording.ts';
import { ServiceProcess } from './service-process.ts';
import { watchStalls } from './stalls.ts';

export interface RunOptions {
  readonly plan: Plan;
  readonly seed: number;
  readonly leaveOut: LayerName | undefined;
  /** Called as soon as there is something to show. Answers how to stop showing it. */
  readonly show: (recording: Recording, circuit: CircuitWatch | undefined) => () => void;
}

/** What was still there after everything had ended. */
export interface Leaks {
  /** What would keep the process alive, by kind, as `process.getActiveResourcesInfo` names it. */
  readonly handles: readonly string[];
  /** Abort listeners on the callers' signals. */
  readonly listeners: number;
  /** Connections that were held by a request after every call had settled. */
  readonly sockets: number;
  readonly unhandledRejections: number;
}

export interface RunResult {
  readonly recording: Recording;
  readonly circuit: CircuitWatch | undefined;
  readonly leaks: Leaks;
}

const HANDLES_GRACE_MS = 2_000;

/** Runs the script of faults once, with callers who go through holdfast or call bare. */
export async function runScript(kind: 'holdfast' | 'bare', options: RunOptions): Promise<RunResult> {
  const { plan, seed, leaveOut, show } = options;
  const handlesBefore = activeHandles();
  const recording = new Recording();
  const circuit = kind === 'holdfast' && leaveOut !== 'breaker' ? new CircuitWatch(plan.openMs) : undefined;
  const rejections = countRejections();
  const service = new ServiceProcess({ seed, answerMs: plan.answerMs, flakyRate: plan.flakyRate }, (ms) =>
    recording.stalled(ms),
  );
  const prices = new PriceService(() => service.port);
  const ask = observed((ctx) => prices.ask(ctx.signal), recording, circuit);
  const onCircuit = circuit?.onEvent ?? ((): void => {});
  const random = createSeededRandom(seed);
  const client =
    kind === 'holdfast' ? holdfastClient(ask, { plan, random, onCircuit, leaveOut }) : bareClient(ask, plan);
  const callers = new Callers(client, recording, plan, seed);

  await service.start();
  const stopWatching = watchStalls((ms) => recording.stalled(ms));
  const hide = show(recording, circuit);
  recording.enter('healthy');
  callers.start();
  for (const phase of plan.phases) await play(phase, plan, service, recording);
  recording.finish();
  await callers.stop();
  hide();
  stopWatching();

  const sockets = prices.socketsInUse;
  prices.close();
  await service.close();
  const handles = await handlesLeft(handlesBefore);
  const leaks = { handles, listeners: callers.listeners, sockets, unhandledRejections: rejections.stop() };
  return { recording, circuit, leaks };
}

async function play({ name, ms }: Phase, plan: Plan, service: ServiceProcess, recording: Recording): Promise<void> {
  if (name === 'slow') await service.slowDown(plan.slowAnswerMs);
  if (recording.phases.at(-1)?.name !== name) recording.enter(name);
  if (name === 'killed') await service.kill();
  if (name === 'hung') service.freeze();
  await sleep(ms);
  if (name === 'slow') service.speedUp();
  if (name === 'killed') await service.start();
  if (name === 'hung') service.thaw();
}

/** The attempt itself, written down. This is what a circuit breaker must keep from starting. */
function observed(
  ask: (ctx: CallContext) => Promise<Price>,
  recording: Recording,
  circuit: CircuitWatch | undefined,
): (ctx: CallContext) => Promise<Price> {
  return async (ctx) => {
    recording.attempts.push({ startMs: performance.now(), attempt: ctx.attempt });
    const ended = circuit?.attempt();
    try {
      return await ask(ctx);
    } finally {
      ended?.();
    }
  };
}

/** Callers who each make one call after the other, with a pause to think. */
class Callers {
  readonly #client: Client;
  readonly #recording: Recording;
  readonly #plan: Plan;
  readonly #seed: number;
  /** Lives as long as its caller, as the signal of a server's shutdown would. */
  readonly #signals: AbortSignal[] = [];
  #loops: Promise<void>[] = [];
  #isStopping = false;

  constructor(client: Client, recording: Recording, plan: Plan, seed: number) {
    this.#client = client;
    this.#recording = recording;
    this.#plan = plan;
    this.#seed = seed;
  }

  get listeners(): number {
    return this.#signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0);
  }

  start(): void {
    this.#loops = Array.from({ length: this.#plan.callers }, (_, index) => this.#live(index));
  }

  /** Resolves when the calls in flight have settled. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#loops);
  }

  async #live(index: number): Promise<void> {
    const { signal } = new AbortController();
    this.#signals.push(signal);
    const random = createSeededRandom((this.#seed + index) >>> 0);
    const [least, most] = this.#plan.thinkMs;
    await sleep(random() * most);
    while (!this.#isStopping) {
      await this.#call(signal);
      await sleep(least + random() * (most - least));
    }
  }

  async #call(signal: AbortSignal): Promise<void> {
    const startMs = performance.now();
    try {
      const { isStored = false } = await this.#client(signal);
      this.#recording.called(startMs, isStored ? 'stored' : 'fresh');
    } catch {
      this.#recording.called(startMs, 'error');
    }
  }
}

function countRejections(): { stop: () => number } {
  let count = 0;
  const listener = (): void => void count++;
  process.on('unhandledRejection', listener);
  return {
    stop() {
      process.off('unhandledRejection', listener);
      return count;
    },
  };
}

function activeHandles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate');
}

/** What is there now and was not before. Sockets and processes that are closing get a moment. */
async function handlesLeft(before: readonly string[]): Promise<string[]> {
  const untilMs = performance.now() + HANDLES_GRACE_MS;
  for (;;) {
    const known = [...before];
    const left = activeHandles().filter((kind) => {
      const place = known.indexOf(kind);
      if (place >= 0) known.splice(place, 1);
      return place < 0;
    });
    if (left.length === 0 || performance.now() > untilMs) return left;
    await sleep(10);
  }
}
