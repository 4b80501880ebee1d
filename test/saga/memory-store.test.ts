import { memorySagaStore } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sagaStoreConformance } from './store-conformance.ts';

const clock = createVirtualClock();
const store = memorySagaStore({ clock });

sagaStoreConformance(() => ({ store, pass: (ms) => clock.advance(ms) }));
