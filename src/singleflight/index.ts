export type { FlightContext, FlightFunction, SharedValue } from './flight.ts';
export type { FlightOptions, Singleflight } from './singleflight.ts';
export { createSingleflight } from './singleflight.ts';
