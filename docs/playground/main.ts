import { mount } from './kit/panel.ts';
import type { Mounted } from './kit/panel.ts';
import { html } from './kit/svg.ts';
import { bloomPanel } from './panels/bloom.ts';
import { breakerPanel } from './panels/breaker.ts';
import { cachePanel } from './panels/cache.ts';
import { limiterPanel } from './panels/limiter.ts';
import { poolPanel } from './panels/pool.ts';
import { retryPanel } from './panels/retry.ts';
import { ringPanel } from './panels/ring.ts';
import { sagaPanel } from './panels/saga.ts';
import { snowflakePanel } from './panels/snowflake.ts';

const seedInput = document.querySelector<HTMLInputElement>('#seed')!;
const seed = (): number => Math.abs(Math.trunc(Number(seedInput.value))) % 2 ** 32 || 0;

const panels: readonly Mounted[] = [
  mount(ringPanel(), seed),
  mount(limiterPanel(), seed),
  mount(breakerPanel(), seed),
  mount(cachePanel(), seed),
  mount(poolPanel(), seed),
  mount(bloomPanel(), seed),
  mount(snowflakePanel(), seed),
  mount(sagaPanel(), seed),
  mount(retryPanel(), seed),
];

async function refreshAll(): Promise<void> {
  delete document.documentElement.dataset['drawn'];
  for (const panel of panels) await panel.refresh();
  document.documentElement.dataset['drawn'] = 'all';
}

document.querySelector('main')!.append(...panels.map(({ element }) => element));
document
  .querySelector('#contents')!
  .append(
    ...panels.map(({ element }) => html('a', { href: `#${element.id}` }, [element.querySelector('h2')!.textContent])),
  );
seedInput.addEventListener('change', () => void refreshAll());
void refreshAll();
