import type { CircuitBreakerEvent, CircuitState } from '../../../src/index.ts';

/*
 * Checks the circuit from outside: it takes the moment of each opening from the events, and holds
 * every attempt against its own reading of the clock, whatever the circuit says of itself by then.
 */
export class CircuitWatch {
  readonly events: CircuitBreakerEvent[] = [];
  state: CircuitState = 'closed';
  attemptsWhileOpen = 0;
  mostTrials = 0;
  readonly #openMs: number;
  #openUntilMs = -Infinity;
  #halfOpenings = 0;
  #trials = 0;

  constructor(openMs: number) {
    this.#openMs = openMs;
  }

  readonly onEvent = (event: CircuitBreakerEvent): void => {
    this.events.push(event);
    this.state = event.to;
    if (event.to === 'open') this.#openUntilMs = event.atMs + this.#openMs;
    if (event.to === 'half-open') {
      this.#halfOpenings++;
      this.#trials = 0;
    }
  };

  /** To be called when an attempt starts; answers what to call when it has ended. */
  attempt(): () => void {
    if (performance.now() < this.#openUntilMs) this.attemptsWhileOpen++;
    if (this.state !== 'half-open') return () => {};
    const own = this.#halfOpenings;
    this.mostTrials = Math.max(this.mostTrials, ++this.#trials);
    return () => {
      // Trials of an earlier half-open state have no say and no place in this one.
      if (own === this.#halfOpenings) this.#trials--;
    };
  }
}
