import { hashPosition } from '../../../src/ring/index.ts';

const POSITIONS = 2 ** 32;

/** Where a user stands with a feature, in [0, 1): the same in every process and after every restart, and another with each feature. */
export function shareOf(feature: string, user: string): number {
  // The length keeps 'a' + 'bc' and 'ab' + 'c' apart.
  return hashPosition(`${feature.length}:${feature}${user}`) / POSITIONS;
}

/** Whether a user is among the first `share` of all. Who is in stays in while the share grows. */
export function isEnabled(feature: string, user: string, share: number): boolean {
  return shareOf(feature, user) < share;
}

/** The variant of a user, by shares that add up to 1 at most; undefined for who is in none. */
export function variantOf(
  experiment: string,
  user: string,
  variants: readonly (readonly [name: string, share: number])[],
): string | undefined {
  let rest = shareOf(experiment, user);
  for (const [name, share] of variants) {
    if (rest < share) return name;
    rest -= share;
  }
  return undefined;
}
