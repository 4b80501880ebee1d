/** What the script does to the service. */
export type Fault = 'slow' | 'killed' | 'hung';

export interface Phase {
  readonly name: 'healthy' | Fault;
  readonly ms: number;
}

/** Every number of the demo: the load, the faults, and the limits that the policies are given. */
export interface Plan {
  readonly phases: readonly Phase[];
  readonly callers: number;
  /** A caller thinks this long between two calls: uniformly, so that callers do not march in step. */
  readonly thinkMs: readonly [least: number, most: number];
  /** The service answers after this long, uniformly, and with a 503 at this rate. */
  readonly answerMs: readonly [least: number, most: number];
  readonly flakyRate: number;
  readonly slowAnswerMs: number;
  /** The client timeout of the bare calls. */
  readonly bareTimeoutMs: number;
  /** Limits of the pipeline, from the outside in. */
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly failuresInARow: number;
  readonly slowCallMs: number;
  readonly openMs: number;
  readonly trials: number;
  readonly trialFailures: number;
  readonly maxConcurrent: number;
}

const full: Plan = {
  phases: [
    { name: 'healthy', ms: 2_500 },
    { name: 'slow', ms: 3_500 },
    { name: 'healthy', ms: 2_500 },
    { name: 'killed', ms: 3_500 },
    { name: 'healthy', ms: 2_500 },
    { name: 'hung', ms: 5_500 },
    { name: 'healthy', ms: 3_000 },
  ],
  callers: 200,
  thinkMs: [150, 250],
  answerMs: [10, 20],
  flakyRate: 0.005,
  slowAnswerMs: 2_000,
  bareTimeoutMs: 5_000,
  timeoutMs: 500,
  maxAttempts: 3,
  failuresInARow: 10,
  slowCallMs: 250,
  openMs: 500,
  trials: 3,
  trialFailures: 2,
  maxConcurrent: 100,
};

/** The same script at a fifth of the length, with every time limit scaled to match. */
const fast: Plan = {
  ...full,
  phases: [
    { name: 'healthy', ms: 500 },
    { name: 'slow', ms: 600 },
    { name: 'healthy', ms: 900 },
    { name: 'killed', ms: 400 },
    { name: 'healthy', ms: 900 },
    { name: 'hung', ms: 900 },
    { name: 'healthy', ms: 900 },
  ],
  slowAnswerMs: 600,
  bareTimeoutMs: 800,
  timeoutMs: 400,
  slowCallMs: 200,
  openMs: 200,
};

export function planOf(isFast: boolean): Plan {
  return isFast ? fast : full;
}

export function totalMs(plan: Plan): number {
  return plan.phases.reduce((sum, { ms }) => sum + ms, 0);
}
