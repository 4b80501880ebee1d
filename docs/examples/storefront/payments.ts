import type { CircuitBreaker } from '../../../src/circuit-breaker/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../../src/circuit-breaker/index.ts';
import { createBulkhead, pipeline, timeout } from '../../../src/policy/index.ts';
import { SagaRefusal } from '../../../src/saga/index.ts';
import { request } from './json-server.ts';
import { tell } from './messages.ts';
import { limits } from './plan.ts';

export interface Charge {
  readonly key: string;
  readonly orderId: string;
  readonly cents: number;
  readonly card: string;
}

/** The payment service, as a shop process calls it. */
export interface Payments {
  readonly circuit: CircuitBreaker;
  /** Answers the number of the receipt. Rejects with SagaRefusal where the card has no money. */
  charge(charge: Charge, signal: AbortSignal): Promise<string>;
  /** Of a charge that never came as well: should it still come, it is refused then. */
  refund(refund: Pick<Charge, 'key' | 'orderId'>, signal: AbortSignal): Promise<void>;
}

/** Bulkhead > circuit breaker > timeout. Trying again is the saga's business, whose keys make it harmless. */
export function openPayments(url: string, shop: string): Payments {
  const circuit = createCircuitBreaker({
    name: `${shop} > payment`,
    trip: consecutiveFailures(limits.paymentFailures),
    openDurationMs: limits.paymentOpenMs,
    onEvent: ({ name, to }) => tell({ type: 'circuit', name, to, atMs: Date.now() }),
  });
  // A process begins with closed circuits, also where the one before died with open ones.
  tell({ type: 'circuit', name: circuit.name, to: circuit.state, atMs: Date.now() });
  const calls = pipeline(
    // Outermost, so that who has waited in its queue still asks the circuit.
    createBulkhead({ maxConcurrent: limits.paymentsAtOnce, maxQueue: 200, queueTimeoutMs: 2_000 }),
    circuit,
    timeout({ ms: limits.paymentMs }),
  );
  const post = (path: string, body: object, signal: AbortSignal): Promise<{ status: number; body: string }> =>
    calls.run(
      async (ctx) => {
        tell({ type: 'payment-call', shop, atMs: Date.now() });
        const answer = await request('POST', `${url}/${path}`, { body: JSON.stringify(body), signal: ctx.signal });
        if (answer.status >= 500) throw new Error(`the payment service answered ${answer.status}`);
        return answer;
      },
      { signal },
    );
  return {
    circuit,
    async charge(charge, signal) {
      const { status, body } = await post('charge', charge, signal);
      if (status === 402) throw new SagaRefusal('the card was declined');
      if (status !== 200) throw new SagaRefusal(`the payment service refused with ${status}`);
      return (JSON.parse(body) as { receipt: string }).receipt;
    },
    async refund(refund, signal) {
      const { status } = await post('refund', refund, signal);
      if (status !== 200) throw new Error(`the payment service answered ${status}`);
    },
  };
}
