import { refuse } from '../core/check.ts';

/** A text that every store keeps as it is: PostgreSQL knows no U+0000, and UTF-8 no half of a pair. */
export function checkText(what: string, text: string, least: number = 0, most: number = Infinity): string {
  const isText = typeof text === 'string' && !/[\0\ud800-\udfff]/u.test(text);
  if (isText && text.length >= least && text.length <= most) return text;
  return refuse(what, `a well-formed text without U+0000${least ? `, of ${least} to ${most} characters` : ''}`, text);
}

/** An id of a saga. */
export function checkId(id: string): string {
  return checkText('id', id, 1, 255);
}
