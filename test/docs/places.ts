import { join } from 'node:path';
import { root } from '../../.ci/build.ts';

/** Where pictures of the playground are kept, to be looked at. */
export const pictures: string = join(root, '.cache/playground');

/** Where the tests have the playground built. */
export const site: string = join(pictures, 'site');
