import { brotliCompressSync, constants } from 'node:zlib';
import { build, type Metafile } from 'esbuild';

/** What a bundler makes of a few lines that import the package. */
export interface Bundle {
  readonly code: string;
  /** Bytes as minified. */
  readonly bytes: number;
  /** Bytes as a server sends them. */
  readonly brotli: number;
  readonly meta: Metafile;
}

/** Bundles and minifies `code` as an application would, resolving from `folder`. */
export async function bundle(code: string, folder: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder, loader: 'ts' },
    bundle: true,
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

/** Source files, by path, that put bytes into the bundle. */
export function contributors({ meta }: Bundle): string[] {
  const [output] = Object.values(meta.outputs);
  return Object.entries(output!.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
}
