import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { site } from './places.ts';

/** Starts a browser that calls nobody. */
export function launch(executablePath: string): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'];
  return chromium.launch({ executablePath, args });
}

export interface View {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly url?: string;
}

export interface Opened {
  readonly page: Page;
  /** What the page threw or complained about. */
  readonly errors: string[];
  /** What it asked for. */
  readonly requests: string[];
}

/** Opens the page from the disk and waits until every panel is drawn. */
export async function open(browser: Browser, { width = 1280, colorScheme = 'light', url }: View = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const opened: Opened = { page, errors: [], requests: [] };
  page.on('pageerror', (error) => opened.errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') opened.errors.push(message.text());
  });
  page.on('request', (request) => opened.requests.push(request.url()));
  await page.goto(url ?? pathToFileURL(join(site, 'index.html')).href);
  await page.locator('html[data-drawn="all"]').waitFor();
  return opened;
}

/** The data attributes of every element that a selector finds. */
export async function marks(page: Page, selector: string): Promise<Record<string, string>[]> {
  return page
    .locator(selector)
    .evaluateAll((elements) =>
      elements.map((element) => ({ ...(element as SVGElement | HTMLElement).dataset }) as Record<string, string>),
    );
}

/** Sets a control by its label, within a panel, and waits until the panel is drawn. */
export async function set(page: Page, panel: string, label: string, value: string | number | boolean): Promise<void> {
  const control = page.locator(`#${panel}`).getByLabel(label, { exact: true });
  await control.evaluate((element, wanted) => {
    const input = element as HTMLInputElement;
    if (typeof wanted === 'boolean') input.checked = wanted;
    else input.value = String(wanted);
    input.dispatchEvent(new Event('input', { bubbles: true }));
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }, value);
  await drawn(page, panel);
}

/** Presses a button of a panel and waits until the panel is drawn. */
export async function press(page: Page, panel: string, name: string): Promise<void> {
  await page.locator(`#${panel}`).getByRole('button', { name, exact: true }).click();
  await drawn(page, panel);
}

export async function drawn(page: Page, panel: string): Promise<void> {
  await page.locator(`#${panel}[data-drawn]`).waitFor();
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
