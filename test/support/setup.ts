import fc from 'fast-check';
import { inject } from 'vitest';

// Runs in every worker, browsers included: nothing here may come from `node:`.
fc.configureGlobal({ seed: inject('seed'), numRuns: inject('runs') });
