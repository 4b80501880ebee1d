/*
 * Percentage rollouts by stable hashing: nothing is stored, every process agrees, and nobody who has a feature loses it
 * while the share grows. `npm run demo -- rollout`
 */
import { Promises } from '../promises.ts';
import { isEnabled, variantOf } from './rollout.ts';

const USERS = Array.from({ length: 100_000 }, (_, k) => `user-${k}`);
const STEPS = [0.01, 0.1, 0.25, 0.5, 1];

/** Runs the example. Resolves with its exit code. */
export async function main(): Promise<number> {
  const promises = new Promises();
  let before = new Set<string>();
  for (const share of STEPS) {
    const enabled = new Set(USERS.filter((user) => isEnabled('new-checkout', user, share)));
    const lost = [...before].filter((user) => !enabled.has(user)).length;
    const percent = `${((100 * enabled.size) / USERS.length).toFixed(2)} %`;
    promises.promise(`at ${share * 100} % nobody loses what he had`, lost === 0, `${percent} have it`);
    // Five standard deviations of a fair draw.
    const most = 5 * Math.sqrt(USERS.length * share * (1 - share));
    promises.promise('  and the share is right', Math.abs(enabled.size - share * USERS.length) <= most);
    before = enabled;
  }
  const both = USERS.filter((user) => isEnabled('new-checkout', user, 0.1) && isEnabled('dark-mode', user, 0.1));
  const isApart = Math.abs(both.length - 0.01 * USERS.length) < 5 * Math.sqrt(0.01 * USERS.length);
  promises.promise('two features at 10 % share one user in a hundred', isApart, `${both.length} users have both`);
  const counts = new Map<string | undefined, number>();
  for (const user of USERS) {
    const variant = variantOf('headline', user, [
      ['short', 0.2],
      ['long', 0.2],
    ]);
    counts.set(variant, (counts.get(variant) ?? 0) + 1);
  }
  const seen = ['short', 'long', undefined].map((name) => counts.get(name) ?? 0);
  const isFair = Math.abs(seen[0]! - seen[1]!) < 0.01 * USERS.length;
  promises.promise('variants get their shares', isFair, `short ${seen[0]}, long ${seen[1]}, neither ${seen[2]}`);
  return promises.close();
}
