// A plugin of typedoc's, which loads no TypeScript: pages have their headings for names, and folders in the navigation.
import { relative } from 'node:path';
import { Converter } from 'typedoc';

const folders = [
  [/^docs\/guides\//, 'Guides/'],
  [/^docs\/(?:operations|formats)\//, 'Operations/'],
  [/^docs\/migrating\//, 'Migrating/'],
  [/^docs\//, ''],
  [/^/, 'Project/'],
];

/** Called by typedoc. */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page) => {
    const path = relative('.', app.files.getReflectionPath(page)).replaceAll('\\', '/');
    const text = page.content.map((part) => part.text).join('');
    const name = /^# (.+)$/m.exec(text)?.[1] ?? page.name;
    const [, folder] = folders.find(([place]) => place.test(path));
    page.name = folder + name.replaceAll('/', ' ').replaceAll('`', '');
  });
}
