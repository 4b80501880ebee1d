import { refuse } from '../core/check.ts';

/** A text that every store keeps as it is: PostgreSQL knows no U+0000, and UTF-8 no half of a pair. */
export function checkText(what: string, text: string): string {
  return typeof text === 'string' && /^[^\0\ud800-\udfff]*$/u.test(text)
    ? text
    : refuse(what, 'a well-formed text without U+0000', text);
}

/** An id of a saga. */
export function checkId(id: string): string {
  return typeof id === 'string' && /^[^\0\ud800-\udfff]{1,255}$/u.test(id)
    ? id
    : refuse('id', 'a well-formed text of 1 to 255 characters', id);
}
