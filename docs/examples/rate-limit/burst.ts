import { policy } from './server.ts';

/** What the demo promises: of 25 requests at once, a full bucket of 20 lets 20 pass. */
const REQUESTS = 25;
const TRIES = 20;

export interface Answer {
  /** Which of the servers has answered, from 1. */
  readonly server: number;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface Burst {
  readonly answers: readonly Answer[];
  /** From before the first request to after the last answer. */
  readonly tookMs: number;
}

/** In this time the bucket gains a unit, and then one more passes. */
const GAIN_MS = policy.windowMs / policy.limit;

async function ask(url: string, client: string): Promise<Omit<Answer, 'server'>> {
  const response = await fetch(url, { headers: { 'X-Forwarded-For': client } });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function burstFrom(client: string, urls: readonly string[]): Promise<Burst> {
  const answers: Answer[] = [];
  const startMs = performance.now();
  for (let k = 0; k < REQUESTS; k++) {
    const server = k % urls.length;
    answers.push({ server: server + 1, ...(await ask(urls[server]!, client)) });
  }
  return { answers, tookMs: performance.now() - startMs };
}

/** How many answers have this status. */
export function count({ answers }: Burst, status: number): number {
  return answers.filter((answer) => answer.status === status).length;
}

/** Whether it was quick enough for the bucket to gain nothing in it. */
export function isQuick({ tookMs }: Burst): boolean {
  return tookMs < GAIN_MS;
}

/** Whether a burst went as promised. */
export function isKept(burst: Burst): boolean {
  return count(burst, 200) === policy.burst && count(burst, 429) === REQUESTS - policy.burst;
}

/**
 * Sends a client's burst to the servers in turn. On a machine that takes so long over it that the bucket gains a
 * unit, says so and tries again with the next client.
 */
export async function sendBurst(urls: readonly string[]): Promise<Burst> {
  for (const url of urls) await ask(`${url}/health`, '192.0.2.1');
  for (let client = 1; ; client++) {
    const burst = await burstFrom(`192.0.2.${client}`, urls);
    if (isKept(burst) || isQuick(burst) || client === TRIES) return burst;
    console.log(
      `  client ${client}: ${REQUESTS} requests took ${burst.tookMs.toFixed(0)} ms, in which the bucket gained ` +
        `${Math.floor(burst.tookMs / GAIN_MS)} or less; again, with another client`,
    );
  }
}
