import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as ts from 'typescript';
import { filesUnder, root } from '../../.ci/build.ts';

/** A place in a file. */
export interface Found {
  readonly name: string;
  readonly line: number;
}

/** Parses a TypeScript file of the repository. */
export function parse(path: string): ts.SourceFile {
  return parseText(path, readFileSync(join(root, path), 'utf8'));
}

/** Parses TypeScript from a string, so that a test can show what it finds. */
export function parseText(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** The TypeScript files under a folder of the repository. */
export function typescriptFiles(folder: string): string[] {
  return filesUnder(folder).filter((path) => path.endsWith('.ts'));
}

/** What a file imports or re-exports: paths from the root, or the bare names of packages. */
export function importsOf(file: ts.SourceFile): string[] {
  const { importedFiles } = ts.preProcessFile(file.text, true, true);
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith('.') ? join(dirname(file.fileName), fileName).replaceAll('\\', '/') : fileName,
  );
}

/** Where a file reads a global of one of the names: not a property, a type or a variable of its own called so. */
export function readsOf(file: ts.SourceFile, names: ReadonlySet<string>): Found[] {
  const found: Found[] = [];
  const own = new Set<string>();
  const visit = (node: ts.Node): void => {
    if ((ts.isVariableDeclaration(node) || ts.isParameter(node)) && ts.isIdentifier(node.name)) own.add(node.name.text);
    if (ts.isIdentifier(node) && names.has(node.text) && isRead(node)) {
      found.push({ name: node.text, line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.filter(({ name }) => !own.has(name));
}

function isRead(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent) || ts.isTypeQueryNode(parent)) return false;
  const named = parent as { readonly name?: ts.Node; readonly propertyName?: ts.Node };
  return ts.isShorthandPropertyAssignment(parent) || (named.name !== node && named.propertyName !== node);
}

/** Every title given to `it` or `test` in a file, with `it.each` and the like, as written. */
export function testTitles(file: ts.SourceFile): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    const title = ts.isCallExpression(node) && isTestFunction(node.expression) ? node.arguments[0] : undefined;
    if (title && ts.isStringLiteralLike(title)) titles.push(title.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return titles;
}

/** `it`, `it.each(rows)`, `it.skipIf(reason).each(rows)`: whatever starts with `it` or `test` and is not skipped for good. */
function isTestFunction(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return node.text === 'it' || node.text === 'test';
  if (ts.isPropertyAccessExpression(node)) {
    return node.name.text !== 'skip' && node.name.text !== 'todo' && isTestFunction(node.expression);
  }
  return ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && isTestFunction(node.expression);
}
