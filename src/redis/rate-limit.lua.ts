/*
 * The script that decides on one key, written out for the kinds of policy that a limiter has: loops and tables over
 * policies would double what a decision costs the server. Numbers come as arguments, so there are few scripts.
 *
 * All that is known of a key is one string of integers: when it was written, in milliseconds of the server's clock,
 * what each policy needs, and the reservations that can still be given back.
 *
 *   bucket          parts missing to full
 *   epoch           units of a window that starts at a multiple of its length
 *   first           units of a window that starts with its first unit, and that start
 *   sliding         units of this window and of the one before
 *   log             times and units of the entries, with commas
 *   reservation     its id, which is its millisecond x 2000 + its microsecond or what is free, then for each policy how
 *                   much of it still counts
 *
 * Of a bucket, that is the least that was missing since: what has come back by itself cannot be given back. With
 * that taken off, the bucket stands as if the reservation had never been made; see decisions/0151.
 *
 * ARGV: A, B and C of each policy, see `KINDS`; then for each operation, which sees what those before it have done, or
 * nothing to take one unit:
 *
 *   0 cost 0      look                              3 units id   give back units of a reservation, and end it
 *   1 cost most   take, up to `most` where free     4 0 0        forget the key
 *   2 cost most   the same, and reserve it          5 units 0    take, whatever there is
 *
 * Answers a text of numbers with commas, which is sooner read than an array; for each of the first three: what was
 * taken, or -1; id of the reservation, or 0; and for each policy free units, milliseconds until `cost` is free, and
 * until the key is as good as new.
 */

/** What a kind of policy adds to the script; `$` stands for the number of the policy. */
interface Kind {
  /** How its part of the string looks. */
  readonly state: string;
  /** Has `x$` and `y$` as read, or nil, and makes them those of now. */
  readonly load: string;
  /** Units free now. */
  readonly free: string;
  /** Milliseconds until nothing is left of what was taken, were `n` more units taken now. */
  readonly full: string;
  /** Sets `wait$` to milliseconds until `cost` is free, which is not now but some time. */
  readonly wait: string;
  /** Takes `n` units. */
  readonly take: string;
  /** Whether what was taken at `when` counts in `x$`. Sets `left$` right where that is not all. */
  readonly counts: string;
  /** Takes `units` back, of which `left$` count, taken at `when`; `j` is the place among those held. */
  readonly back: string;
  /** Parts of a unit. */
  readonly parts: string;
  /** Makes the key as good as new. */
  readonly forget: string;
  /** Makes `x$` and `y$` what is written. */
  readonly save: string;
  /** What is written, and how. */
  readonly values: string;
  readonly format: string;
}

const plain = {
  state: ' (%d+)',
  free: 'A$ - x$',
  take: 'x$ = min(MOST, x$ + n)',
  back: 'x$ = max(0, x$ - min(left$, units))',
  parts: 'n',
  forget: 'x$ = 0',
  save: '',
  values: 'x$',
  format: ' %.0f',
};

const pair = { state: ' (%d+) (%d+)', forget: 'x$, y$ = 0, 0', values: 'x$, y$', format: ' %.0f %.0f' };

const START = '(now - now % B$)';

/** A B C: parts to full, parts of a unit, parts of a millisecond. For the others: limit, window, length of a cell. */
const kinds = (): Kinds => ({
  bucket: {
    ...plain,
    load: `x$ = (x$ or 0) - ago * C$
if x$ < 0 then x$ = 0 end`,
    free: 'floor((A$ - x$) / B$)',
    full: 'ceil((x$ + n * B$) / C$)',
    wait: 'wait$ = ceil((cost * B$ - A$ + x$) / C$)',
    take: 'x$ = min(MOST, x$ + n * B$)',
    counts: 'left$ = min(left$, x$)',
    back: `local back = min(left$, units * B$)
      x$ = x$ - back
      for k = 1, #held do
        local other = held[k]
        other[$] = k < j and min(other[$], left$ - back) or other[$] - back
      end`,
    parts: 'x$',
  },
  epoch: {
    ...plain,
    load: `x$ = ${START} > t and 0 or tonumber(x$ or 0)`,
    full: 'x$ + n > 0 and B$ - now % B$ or 0',
    wait: 'wait$ = B$ - now % B$',
    counts: `if when < ${START} then left$ = 0 end`,
  },
  first: {
    ...plain,
    ...pair,
    load: `x$, y$ = tonumber(x$ or 0), (y$ or now) - step
if now - y$ >= B$ then x$, y$ = 0, now end`,
    full: 'x$ > 0 and y$ + B$ - now or n > 0 and B$ or 0',
    wait: 'wait$ = y$ + B$ - now',
    take: `if x$ == 0 then y$ = now end
    x$ = min(MOST, x$ + n)`,
    counts: 'if when < y$ then left$ = 0 end',
  },
  sliding: {
    ...plain,
    ...pair,
    load: `x$, y$ = tonumber(x$ or 0), tonumber(y$ or 0)
if ${START} > t then x$, y$ = 0, ${START} - B$ <= t and x$ or 0 end`,
    free: 'A$ - x$ - ceil(y$ * (B$ - now % B$) / B$)',
    full: 'x$ + n > 0 and 2 * B$ - now % B$ or y$ > 0 and B$ - now % B$ or 0',
    wait: `local room = A$ - cost
      wait$ = B$ - now % B$ + (x$ > room and B$ - floor(room * B$ / x$) or -floor((room - x$) * B$ / y$))`,
    counts: `if when < ${START} - B$ then left$ = 0 end`,
    back: `if when < ${START} then y$ = max(0, y$ - min(left$, units))
      else x$ = max(0, x$ - min(left$, units)) end`,
  },
  log: {
    ...plain,
    state: ' ([%d,]*)',
    load: `local y$ = {}
local list$ = x$ or ''
x$ = 0
for when, n in string.gmatch(list$, '(%d+),(%d+)') do
  when = when - step
  if now - when < B$ then
    x$ = x$ + n
    y$[#y$ + 1] = { when, tonumber(n) }
  end
end`,
    full: 'n > 0 and B$ or x$ > 0 and y$[#y$][1] + B$ - now or 0',
    wait: `local over, k = x$ + cost - A$, 0
      while over > 0 do
        k = k + 1
        over = over - y$[k][2]
      end
      wait$ = y$[k][1] + B$ - now`,
    take: `local last = y$[#y$]
    if last and floor(last[1] / C$) == floor(now / C$) then last[1], last[2] = now, last[2] + n
    else y$[#y$ + 1] = { now, n } end
    x$ = min(MOST, x$ + n)`,
    counts: 'if now - when >= B$ then left$ = 0 end',
    back: `local back = min(left$, units)
      for k, entry in ipairs(y$) do
        if entry[1] >= when then
          entry[2], x$ = entry[2] - back, x$ - back
          if entry[2] == 0 then table.remove(y$, k) end
          break
        end
      end`,
    forget: 'x$, y$ = 0, {}',
    save: `x$ = {}
    for k, entry in ipairs(y$) do x$[k] = string.format('%.0f,%.0f', entry[1], entry[2]) end
    x$ = table.concat(x$, ',')`,
    format: ' %s',
  },
});

/** The name of a kind in the script. */
export type ScriptKind = 'bucket' | 'epoch' | 'first' | 'sliding' | 'log';

type Kinds = Readonly<Record<ScriptKind, Kind>>;

/** The script for policies of these kinds. */
export function rateLimitScript(used: readonly ScriptKind[]): string {
  const known = kinds();
  /** A text for each policy, with its number and its lines of the script put in. */
  const each = (text: string, between = '\n'): string =>
    used
      .map((kind, at) => {
        const own = known[kind];
        return text
          .replaceAll(/<(\w+)>/g, (_, name: keyof Kind) => own[name])
          .replaceAll('$', String(at + 1))
          .replaceAll('MOST', '9007199254740991');
      })
      .join(between);
  const count = used.length;
  const values = each('<values>', ', ');
  return `local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local key, time = KEYS[1], call('TIME')
local us = time[2] + 0
local now = time[1] * 1000 + (us - us % 1000) / 1000
${each('local A$, B$, C$ = ARGV[3 * $ - 2] + 0, ARGV[3 * $ - 1] + 0, ARGV[3 * $] + 0')}
local s, part, ${values}, rest = string.match(call('GET', key) or '', '^(%d+) (%d+)${each('<state>', '')}(.*)')
local t = s and s * 1000 + floor(part / 1000) or now
local ago, step = now - t, 0
if ago < 0 then ago, step = 0, -ago end
local dirty, held, lastId, out, first = step > 0, {}, 0
${each('<load>')}
if step == 0 and rest and rest ~= '' then
  local s = {}
  for n in string.gmatch(rest, '%d+') do s[#s + 1] = tonumber(n) end
  for at = 1, #s, ${count + 1} do
    local when = floor(s[at] / 2000)
    local ${each('left$', ', ')} = ${each('s[at + $]', ', ')}
    ${each('<counts>')}
    if ${each('left$', ' + ')} > 0 then held[#held + 1] = { ${each('left$', ', ')}, id = s[at] } end
    lastId = s[at]
  end
end
for o = ${3 * count + 1}, max(#ARGV, ${3 * count + 1}), 3 do
  local op, text, id, took, n = ARGV[o] or '1', ARGV[o + 1] or '1', 0, -1, 0
  local cost = text + 0
  local ${each('free$', ', ')}
  if op == '3' then
    id = tonumber(ARGV[o + 2])
    for j = 1, #held do
      local one = held[j]
      if one.id == id then
        local ${each('left$', ', ')}, units, when = ${each('one[$]', ', ')}, cost, floor(id / 2000)
        table.remove(held, j)
        ${each('do <back> end')}
        dirty = true
        break
      end
    end
  elseif op == '4' then
    ${each('<forget>')}
    held, dirty = {}, true
  elseif op == '5' then
    n = cost
  else
    ${each('free$ = <free>', '\n    ')}
    local room = min(max(cost, ARGV[o + 2] or 0), ${each('free$', ', ')})
    if cost == 0 or cost <= room then
      took = max(cost, room)
      n = took
      ${each('free$ = free$ - n', '\n      ')}
    end
  end
  if n > 0 and op ~= '0' then
    ${each('<take>')}
    dirty = true
    if op == '2' then
      id = max(now * 2000 + us % 1000, lastId + 1)
      lastId = id
      if floor(id / 2000) > now then id = 0
      else held[#held + 1] = { ${each('<parts>', ', ')}, id = id } end
      if #held > 1000 then table.remove(held, 1) end
    end
    n = 0
  end
  if free1 then
    ${each(`local wait$ = 0
    if took < 0 and cost > free$ and cost <= A$ then
      <wait>
    end`)}
    local row
    if took == cost and id == 0 then
      row = string.format('%s,0${',%.0f,0,%.0f'.repeat(count)}', text, ${each('free$, <full>', ', ')})
    else
      row = string.format('%.0f,%.0f${',%.0f'.repeat(3 * count)}', took, id, ${each('free$, wait$, <full>', ', ')})
    end
    if first then
      out = out or { first }
      out[#out + 1] = row
    else first = row end
  end
end
if dirty then
  local n = 0
  local ttl = max(${each('<full>', ', ')})
  if ttl > 0 then
    ${each('<save>')}
    local text = string.format('%s %s${each('<format>', '')}', time[1], time[2], ${values})
    for k = 1, #held do
      local one = held[k]
      text = text .. string.format('${' %.0f'.repeat(count + 1)}', one.id, ${each('one[$]', ', ')})
    end
    call('SET', key, text, 'PX', ttl < 1e13 and ttl or 1e13)
  else
    call('DEL', key)
  end
end
return out and table.concat(out, ',') or first or ''`;
}
