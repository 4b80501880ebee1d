import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Plan } from './plan.ts';
import type { Recording } from './recording.ts';
import type { Town } from './town.ts';

interface Blow {
  strike(): unknown;
  mend(): unknown;
}

/** Works off the script of faults. */
export async function unleash(town: Town, plan: Plan, recording: Recording): Promise<void> {
  const blows = blowsOn(town, plan);
  for (const { name, ms } of plan.phases) {
    recording.enter(name);
    if (name === 'calm') {
      await sleep(ms);
      continue;
    }
    await blows[name].strike();
    recording.struck();
    await sleep(ms);
    recording.mending();
    await blows[name].mend();
  }
  recording.finish();
}

function blowsOn({ payment, database, shops }: Town, plan: Plan): Readonly<Record<Fault, Blow>> {
  const shop = shops[plan.doomedShop]!;
  return {
    'payment killed': { strike: () => payment.kill(), mend: () => payment.start() },
    'payment hung': { strike: () => payment.freeze(), mend: () => payment.thaw() },
    'database frozen': { strike: () => database.freeze(), mend: () => database.thaw() },
    'shop killed': { strike: () => shop.kill(), mend: () => shop.start() },
  };
}
