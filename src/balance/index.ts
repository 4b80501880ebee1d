export { createLeastConnections } from './least-connections.ts';
export type { OutlierDetector, OutlierEvent, OutlierOptions } from './outlier-detector.ts';
export { createOutlierDetector } from './outlier-detector.ts';
export type { P2cEwmaOptions } from './p2c-ewma.ts';
export { createP2cEwma } from './p2c-ewma.ts';
export type { Host, HostLease, Picker, PickerOptions, PickOptions } from './picker.ts';
export { createRoundRobin } from './round-robin.ts';
export { createWeightedRoundRobin } from './weighted-round-robin.ts';
