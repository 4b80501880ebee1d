import { amount, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import type { Host, HostLease, Picker, PickerOptions, PickOptions } from './picker.ts';

/** Weight of a host at the start of its slow start, as a share of its own. */
const FIRST_SHARE = 0.1;

/** A host, and what a picker knows of it. */
export class Seat<H extends Host> {
  host: H;
  weight: number;
  /** Where it stands in {@link HostList.seats}, while it does. */
  at: number;
  inFlight: number = 0;
  /** When its slow start began; it has none when this is -Infinity. */
  readonly sinceMs: number;

  constructor(host: H, at: number, sinceMs: number) {
    this.host = host;
    this.weight = host.weight ?? 1;
    this.at = at;
    this.sinceMs = sinceMs;
  }
}

class Lease<H extends Host, S extends Seat<H>> implements HostLease<H> {
  readonly host: H;
  readonly #list: HostList<H, S>;
  readonly #seat: S;
  readonly #startMs: number;
  #isHeld = true;

  constructor(list: HostList<H, S>, seat: S, startMs: number) {
    this.host = seat.host;
    this.#list = list;
    this.#seat = seat;
    this.#startMs = startMs;
  }

  get id(): string {
    return this.host.id;
  }

  release(isOk: boolean = true): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#list.end(this.#seat, isOk, this.#startMs);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/*
 * What all pickers share: hosts by position, so that one can be drawn without making a list of those that are usable;
 * leases; whether a host may be used; panic. A picker says in `choose` which it takes.
 */
export abstract class HostList<H extends Host, S extends Seat<H> = Seat<H>> implements Picker<H> {
  protected readonly seats: S[] = [];
  protected readonly slowStartMs: number;
  readonly #byId = new Map<string, S>();
  readonly #options: PickerOptions<H>;
  readonly #panicThreshold: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #needsTime: boolean;
  #isStarted = false;
  #lastMs = -Infinity;
  #skewMs = 0;

  constructor(options: PickerOptions<H>, needsTime: boolean = false) {
    const { isUsable, panicThreshold = 0, slowStartMs = 0, clock = systemTime } = options;
    optionalFunction('isUsable', isUsable);
    this.#panicThreshold = amount('panicThreshold', panicThreshold, 0, 1);
    this.slowStartMs = amount('slowStartMs', slowStartMs, 0);
    this.#options = options;
    this.#clock = clock;
    this.#needsTime = needsTime || slowStartMs > 0;
  }

  /** With the hosts that are there from the start. */
  filled(hosts: readonly H[]): this {
    if (!Array.isArray(hosts)) refuse('hosts', 'a list', hosts);
    for (const host of hosts) this.add(host);
    this.#isStarted = true;
    this.#report();
    return this;
  }

  /** Which of the hosts that {@link isOpen} accepts. */
  protected abstract choose(isOpen: (seat: S) => boolean, nowMs: number): S | undefined;
  protected abstract seat(host: H, at: number, sinceMs: number): S;
  /** A call has begun, or, with its time, has ended. */
  protected changed(_seat: S, _nowMs: number, _isOk?: boolean, _durationMs?: number): void {}

  get size(): number {
    return this.seats.length;
  }

  add(host: H): void {
    if (typeof host?.id !== 'string') refuse('host.id', 'a text', host?.id);
    amount('host.weight', host.weight ?? 1, Number.MIN_VALUE, Number.MAX_VALUE);
    const known = this.#byId.get(host.id);
    if (known) {
      if (!this.#isStarted) refuse('hosts', 'hosts with different ids', host.id);
      known.host = host;
      known.weight = host.weight ?? 1;
      return this.changed(known, this.now());
    }
    // Those that are there from the start have nobody to take their calls meanwhile, and need no slow start.
    const sinceMs = this.#isStarted && this.slowStartMs > 0 ? this.now() : -Infinity;
    const seat = this.seat(host, this.seats.length, sinceMs);
    this.seats.push(seat);
    this.#byId.set(host.id, seat);
    this.added(seat);
    if (this.#isStarted) this.#report();
  }

  protected added(_seat: S): void {}
  protected removed(_seat: S): void {}

  remove(id: string): boolean {
    const seat = this.#byId.get(id);
    if (!seat) return false;
    this.#byId.delete(id);
    this.seats.splice(seat.at, 1);
    for (let at = seat.at; at < this.seats.length; at++) this.seats[at]!.at = at;
    this.removed(seat);
    this.#report();
    return true;
  }

  #report(): void {
    this.#options.outliers?.setHosts(this.#byId.keys());
  }

  inFlight(id: string): number {
    return this.#byId.get(id)?.inFlight ?? 0;
  }

  pick(options?: PickOptions): HostLease<H> | undefined {
    const exclude = options?.exclude;
    const nowMs = this.#needsTime ? this.now() : 0;
    const { outliers, isUsable } = this.#options;
    const seat = exclude || outliers || isUsable ? this.#pickByRules(exclude, nowMs) : this.choose(anyone, nowMs);
    if (!seat) return undefined;
    seat.inFlight++;
    this.changed(seat, nowMs);
    return new Lease(this, seat, nowMs);
  }

  /** Where the rules leave no host, or too few, it is one of all that are not excluded. */
  #pickByRules(exclude: PickOptions['exclude'], nowMs: number): S | undefined {
    const { outliers, isUsable } = this.#options;
    const isIncluded = (seat: S): boolean => !exclude?.has(seat.host.id);
    const isFit = ({ host }: S): boolean =>
      !outliers?.isEjected(host.id) && (!isUsable || guarded<[H], unknown>(true, isUsable, host) === true);
    const isOpen = (seat: S): boolean => isIncluded(seat) && isFit(seat);
    // Of all hosts: one that this pick excludes may be as good as any.
    const isPanic =
      this.#panicThreshold > 0 && this.seats.filter(isFit).length / this.seats.length < this.#panicThreshold;
    return (isPanic ? undefined : this.choose(isOpen, nowMs)) ?? this.choose(isIncluded, nowMs);
  }

  /** For leases. */
  end(seat: S, isOk: boolean, startMs: number): void {
    const nowMs = this.#needsTime ? this.now() : 0;
    seat.inFlight--;
    this.changed(seat, nowMs, isOk, nowMs - startMs);
    this.#options.outliers?.record(seat.host.id, isOk);
  }

  /** The weight of a host, which grows while it starts. */
  protected weightOf(seat: S, nowMs: number): number {
    const ageMs = nowMs - seat.sinceMs;
    return ageMs < this.slowStartMs
      ? seat.weight * (FIRST_SHARE + (1 - FIRST_SHARE) * (ageMs / this.slowStartMs))
      : seat.weight;
  }

  /** A clock that was set back goes on from where it was. */
  protected now(): number {
    const nowMs = this.#clock.now() + this.#skewMs;
    if (nowMs < this.#lastMs) this.#skewMs += this.#lastMs - nowMs;
    else this.#lastMs = nowMs;
    return this.#lastMs;
  }
}

function anyone(): boolean {
  return true;
}
