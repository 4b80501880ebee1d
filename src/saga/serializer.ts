import { SerializationError } from './errors.ts';

/*
 * JSON, and what JSON loses: undefined, bigint, Date, Map, Set, NaN, the infinities, -0 and objects without prototype
 * are written as an object of one key that begins with `$`. An ordinary object that looks so is written as `$object`.
 * Everything else that would not come back the same is refused with the path to it.
 */

/** Turns a value into text; `name` begins the path of an error. */
export function serialize(value: unknown, name: string): string {
  try {
    return JSON.stringify(encode(value, name, []));
  } catch (error) {
    // A value nested too deeply ends the stack, here or in JSON.
    throw error instanceof SerializationError ? error : new SerializationError(name, String(error));
  }
}

/** Turns the text back. */
export function deserialize(text: string): unknown {
  const tree: unknown = JSON.parse(text);
  return text.includes('{"$') ? decode(tree) : tree;
}

/** Whether two texts are of values that are structurally equal: the order of keys is no difference. */
export function isSameText(a: string, b: string): boolean {
  return a === b || isSame(JSON.parse(a), JSON.parse(b));
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Object(a) !== a || Object(b) !== b || Array.isArray(a) !== Array.isArray(b)) return false;
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length && keys.every((key) => Object.hasOwn(y, key) && isSame(x[key], y[key]));
}

const tagged = (tag: string, value: unknown): unknown => ({ [`$${tag}`]: value });

function encode(value: unknown, path: string, above: unknown[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : tagged('number', value === 0 ? '-0' : `${value}`);
    case 'undefined':
      return tagged('undefined', 0);
    case 'bigint':
      return tagged('bigint', `${value}`);
    case 'object':
      return value === null ? value : encodeObject(value, path, above);
    default:
      throw new SerializationError(path, `it is a ${typeof value}`);
  }
}

function encodeObject(value: object, path: string, above: unknown[]): unknown {
  if (above.includes(value)) throw new SerializationError(path, 'it contains itself');
  const inside = (item: unknown, key: string): unknown => encode(item, `${path}${key}`, above);
  above.push(value);
  let tree: unknown;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) tree = encodeArray(value, path, inside);
  else if (prototype === Date.prototype) tree = tagged('date', (value as Date).getTime());
  else if (prototype === Set.prototype)
    tree = tagged(
      'set',
      [...(value as Set<unknown>)].map((item, k) => inside(item, `{${k}}`)),
    );
  else if (prototype === Map.prototype) {
    const entries = [...(value as Map<unknown, unknown>)];
    tree = tagged(
      'map',
      entries.map(([key, item], k) => [inside(key, `{key ${k}}`), inside(item, `{${k}}`)]),
    );
  } else if (prototype === Object.prototype || prototype === null) tree = encodeRecord(value, path, inside, prototype);
  else throw new SerializationError(path, `it is a ${value.constructor?.name || 'object of a class'}`);
  above.pop();
  return tree;
}

type Inside = (item: unknown, key: string) => unknown;

function encodeArray(array: unknown[], path: string, inside: Inside): unknown {
  if (Object.keys(array).length !== array.length)
    throw new SerializationError(path, 'it has holes or named properties');
  return array.map((item, k) => inside(item, `[${k}]`));
}

function encodeRecord(value: object, path: string, inside: Inside, prototype: unknown): unknown {
  if (Object.getOwnPropertySymbols(value).length > 0) throw new SerializationError(path, 'it has symbols as keys');
  const entries = Object.entries(value).map(([key, item]) => [key, inside(item, `.${key}`)] as const);
  if (prototype === null) return tagged('null', entries);
  return entries.length === 1 && entries[0]![0].startsWith('$')
    ? tagged('object', entries)
    : Object.fromEntries(entries);
}

function decode(tree: unknown): unknown {
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map(decode);
  const entries = Object.entries(tree);
  const [tag, value] = entries[0] ?? ['', undefined];
  if (entries.length === 1 && tag.startsWith('$')) return untagged(tag, value);
  return Object.fromEntries(entries.map(([key, item]) => [key, decode(item)]));
}

function untagged(tag: string, value: unknown): unknown {
  switch (tag) {
    case '$undefined':
      return undefined;
    case '$number':
      return Number(value);
    case '$bigint':
      return BigInt(value as string);
    case '$date':
      return new Date((value as number | null) ?? NaN);
    default: {
      if (tag === '$set') return new Set((value as unknown[]).map(decode));
      const entries = (value as [unknown, unknown][]).map(([key, item]) => [decode(key), decode(item)] as const);
      if (tag === '$map') return new Map(entries);
      const record = Object.fromEntries(entries as [string, unknown][]);
      return tag === '$null' ? Object.assign(Object.create(null) as object, record) : record;
    }
  }
}

/** What is kept of an error: enough to know it by. */
export function serializeError(error: unknown): string {
  const isObject = Object(error) === error;
  const { name, message, code } = (isObject ? error : { message: error }) as Record<string, unknown>;
  const texts = { name: text(name ?? 'Error'), message: text(message) };
  return JSON.stringify(code === undefined ? texts : { ...texts, code: text(code) });
}

function text(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** An error with the name, the message and the code of one that was stored. */
export function deserializeError(stored: string): Error {
  const { name, message, code } = JSON.parse(stored) as Record<string, string>;
  const error = new Error(message);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  return code === undefined ? error : Object.assign(error, { code });
}
