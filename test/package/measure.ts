import { brotliCompressSync, constants } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';

/** What a bundler makes of a few lines that import the package. */
export interface Bundle {
  readonly code: string;
  /** Bytes as minified. */
  readonly bytes: number;
  /** Bytes as a server sends them. */
  readonly brotli: number;
  readonly meta: Metafile;
}

/** Hides `sideEffects: false`, so that what a module does when it is loaded stays in the bundle. */
const distrust: Plugin = {
  name: 'distrust',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /.*/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === 'seen' || kind === 'entry-point') return undefined;
      const found = await resolve(path, { kind, importer, resolveDir, pluginData: 'seen' });
      return { ...found, sideEffects: true };
    });
  },
};

/** Bundles and minifies `code` as an application would, resolving from `folder`. */
export async function bundle(code: string, folder: string, plugins: Plugin[] = []): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder, loader: 'ts' },
    bundle: true,
    plugins,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    write: false,
    metafile: true,
    logLevel: 'silent',
    legalComments: 'none',
  });
  const text = outputFiles[0]!.text;
  const brotli =
    text === '' ? 0 : brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
  return { code: text, bytes: text.length, brotli, meta: metafile };
}

/** The same without trust in what the package says of itself: only what does nothing when loaded is left out. */
export function distrustingBundle(code: string, folder: string): Promise<Bundle> {
  return bundle(code, folder, [distrust]);
}

/** Source files, by path, that put bytes into the bundle. */
export function contributors({ meta }: Bundle): string[] {
  const [output] = Object.values(meta.outputs);
  return Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
}
