import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { drawn, launch, open } from './browser.ts';
import { pictures, site } from './places.ts';

const path = inject('chromium');
const panels = ['ring', 'limiter', 'breaker', 'cache', 'pool', 'bloom', 'snowflake', 'saga', 'retry'];

describe.skipIf(!path)('the playground', { timeout: 120_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(path!);
  }, 60_000);
  afterAll(async () => browser?.close());

  it.each(['light', 'dark'] as const)(
    'draws every panel from the disk in %s, throws nothing and asks nobody',
    async (colorScheme) => {
      const { page, errors, requests } = await open(browser, { colorScheme });
      expect(await page.locator('.panel').evaluateAll((all) => all.map(({ id }) => id))).toEqual(panels);
      expect(errors).toEqual([]);
      expect(requests.filter((url) => !url.startsWith('file:') && !url.startsWith('data:'))).toEqual([]);
      expect(await contrasts(page)).toEqual([]);
      for (const id of panels)
        await page.locator(`#${id}`).screenshot({ path: join(pictures, `${id}-${colorScheme}.png`) });
      await page.context().close();
    },
  );

  it('runs from a server of files, and asks no other', async () => {
    const types: Record<string, string> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
    const server = createServer((request, response) => {
      const name = (request.url ?? '').slice(1);
      response.setHeader('content-type', types[name.split('.').pop()!] ?? 'text/plain');
      response.end(readFileSync(join(site, name)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const home = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { page, errors, requests } = await open(browser, { url: `${home}index.html` });
    expect(errors).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(home) && !url.startsWith('data:'))).toEqual([]);
    await page.context().close();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([390, 1280])('fits into %i pixels, its words included', async (width) => {
    const { page } = await open(browser, { width });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await cutWords(page)).toEqual([]);
    for (const id of panels) await page.locator(`#${id}`).screenshot({ path: join(pictures, `${id}-${width}.png`) });
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: join(pictures, `page-${width}.png`) });
    await page.context().close();
  });

  it('draws each panel once, and anew for another width', async () => {
    const { page } = await open(browser);
    const drawings = (): Promise<(string | undefined)[]> =>
      page.locator('.panel').evaluateAll((all) => all.map((panel) => (panel as HTMLElement).dataset['drawn']));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    expect(await drawings()).toEqual(panels.map(() => '1'));
    await page.setViewportSize({ width: 500, height: 900 });
    await page.waitForFunction(() => !document.querySelector('.panel[data-drawn="1"]'));
    expect(await drawings()).toEqual(panels.map(() => '2'));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(500);
    await page.context().close();
  });

  it('is worked by keyboard: every control has a name, is reached by Tab and shows that it is', async () => {
    const { page } = await open(browser);
    const controls = page.locator('main :is(input, select, button):not(:disabled)');
    const count = await controls.count();
    const reached = new Set<string>();
    for (let presses = 0; presses < count + 40; presses++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const label = (element as HTMLInputElement).labels?.[0]?.textContent ?? element.getAttribute('aria-label');
        const name = (label ?? element.textContent).trim();
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const isControl = element.matches('main :is(input, select, button)');
        const isNothing = element === document.body;
        return {
          key: `${element.closest('section')?.id}: ${name}`,
          isControl,
          isNothing,
          name,
          isShown: outlineStyle !== 'none' && outlineWidth !== '0px',
        };
      });
      if (focused.isNothing) continue; // past the last one
      expect(focused).toMatchObject({ isShown: true });
      expect(focused.name).not.toBe('');
      if (focused.isControl) reached.add(focused.key);
    }
    expect(reached.size).toBe(count);
    await page.context().close();
  });

  it('changes its picture by keys alone', async () => {
    const { page } = await open(browser);
    const admitted = (): Promise<string | null> =>
      page.locator('#limiter [data-algorithm="fixed window"]').getAttribute('data-admitted');
    const before = Number(await admitted());
    await page.locator('#limiter').getByLabel('Limit', { exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    await drawn(page, 'limiter');
    expect(Number(await admitted())).toBeGreaterThan(before);
    await page.locator('#ring').getByRole('button', { name: 'Add a node' }).focus();
    await page.keyboard.press('Enter');
    await drawn(page, 'ring');
    expect(await page.locator('#ring [data-node]').count()).toBe(5);
    await page.context().close();
  });

  it('gives the same picture for the same seed, and another for another', async () => {
    const [one, two] = [await open(browser), await open(browser)];
    const picture = (page: Page, id: string): Promise<string> => page.locator(`#${id} .figure`).innerHTML();
    for (const id of panels) expect(await picture(two.page, id)).toBe(await picture(one.page, id));
    await two.page.getByLabel('Seed').fill('2');
    await two.page.getByLabel('Seed').blur();
    await two.page.locator('html[data-drawn="all"]').waitFor();
    for (const id of ['ring', 'breaker', 'pool', 'retry', 'bloom']) {
      expect(await picture(two.page, id)).not.toBe(await picture(one.page, id));
    }
    await Promise.all([one, two].map(({ page }) => page.context().close()));
  });
});

/** Words of pictures that stick out of their picture, and boxes that stick out of the page. */
async function cutWords(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const cut: string[] = [];
    for (const picture of document.querySelectorAll('.figure svg')) {
      const frame = picture.getBoundingClientRect();
      if (frame.right > document.documentElement.clientWidth)
        cut.push(`${picture.getAttribute('aria-label')} is too wide`);
      for (const words of picture.querySelectorAll('text')) {
        const box = words.getBoundingClientRect();
        const isOut =
          box.left < frame.left - 1 ||
          box.right > frame.right + 1 ||
          box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1;
        if (isOut) cut.push(`${picture.getAttribute('aria-label')}: ${words.textContent}`);
      }
    }
    return cut;
  });
}

/** Texts that stand out less from what is behind them than WCAG asks for. */
async function contrasts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const light = (name: string): number => {
      const hex = style.getPropertyValue(name).trim();
      const [r, g, b] = [1, 3, 5].map((at) => {
        const share = parseInt(hex.slice(at, at + 2), 16) / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const ratio = (a: string, b: string): number => {
      const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
      return (high! + 0.05) / (low! + 0.05);
    };
    const words = ['--ink', '--quiet', '--accent'].filter((name) => ratio(name, '--panel') < 4.5);
    const shapes = ['--good', '--bad', '--warn', '--c0', '--c1', '--c2', '--c3'].filter(
      (name) => ratio(name, '--panel') < 3,
    );
    return [...words, ...shapes];
  });
}
