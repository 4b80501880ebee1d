import type { RedisScript } from './script.ts';

/*
 * All keys of a partition lie in one hash slot. `C` is a hash: `e`, the epoch; `n`, the mark, how many invalidations
 * there were; `k`, how many fields `T` has; `m` and a member, what that one has carried out and said last. `L` lists the
 * last invalidations. `T` is a hash: a tag, and the mark of its last invalidation; `*` stands for everything. `E` is an
 * entry: `e` and `c`, the epoch and the mark when it began to be loaded, `v`, its payload, and `t`, its tags. `H` is the
 * lease of a key, a text with who holds it.
 *
 * Whatever is lost is missed. Without `C` the partition begins anew, and entries of another epoch count for nothing.
 * `T` that is shorter than it was voids everything. `L` that does not reach back far enough makes members drop
 * everything. Who members are is kept with the epoch, and where it may be incomplete there is a ghost among them: the
 * member without a name, which never says anything, so that who waits for all waits until any lease has run out.
 *
 * Texts are written as JSON, which keeps lone surrogates apart and has no line ends. The channel is the name of `C` less
 * what a client puts before all keys, as ioredis does with its `keyPrefix`, but not before channels.
 */
const BASE = `
local call, C, L, T, E, H = redis.call, KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local state = call('HMGET', C, 'e', 'n', 'k')
local isNew = not state[1]
local function haunt() call('HSET', C, 'm', '-1 ' .. ARGV[1]) end
if isNew then
  call('DEL', C, L, T)
  state = { ARGV[1], 0, '0' }
  call('HSET', C, 'e', ARGV[1], 'n', 0, 'k', 0)
  haunt()
end
local epoch, n = state[1], tonumber(state[2])
local isWhole = state[3] == '0' or call('HLEN', T) == tonumber(state[3])
local function keep(ms)
  local left = call('PTTL', C)
  if isNew or left < ms then
    for _, key in ipairs({ C, L, T }) do call('PEXPIRE', key, math.max(left, 2 * ms)) end
  end
end
`;

/** For those who change something, or tell of changes. */
const CHANGES = `${BASE}
local function note(what, isAwaited)
  n = n + 1
  if call('HSET', C, 'n', n) and call('RPUSH', L, what) == 1 then isNew = true end
  call('LTRIM', L, -1000, -1)
  call('PUBLISH', string.match(C, '{[^{}]*}$'), epoch .. ' ' .. n .. ' ' .. isAwaited .. ' ' .. what)
end
local function stamp(from)
  for at = from, #ARGV do call('HSET', T, ARGV[at], n) end
  local count = call('HLEN', T)
  if count == 0 or count > 100000 then
    call('DEL', T)
    call('HSET', T, '*', n)
    count = 1
  end
  isNew = true
  call('HSET', C, 'k', count)
end
local function void()
  note('null', 0)
  call('DEL', T)
  stamp(#ARGV + 1)
end
local function lagging(mark)
  local fields, late = call('HGETALL', C), {}
  for at = 1, #fields, 2 do
    local name, value = fields[at], fields[at + 1]
    if string.sub(name, 1, 1) == 'm' and name ~= 'm' .. ARGV[2] and tonumber(string.match(value, '^%S+')) < mark then
      late[#late + 1] = name
      late[#late + 1] = value
    end
  end
  return late
end
if not isWhole then void() end
`;

/** A day at least, though nobody asks. */
const DAY = '86400000';

/** Token, lease in milliseconds, whether the entry is refused. Keys expire no sooner for reads: members see to that. */
export const READ: RedisScript = {
  lua: () => `${BASE}
if isNew then keep(${DAY}) end
local entry = call('HMGET', E, 'e', 'c', 'v', 't')
local isFit = isWhole and entry[1] == epoch and ARGV[3] == '0'
if isFit and state[3] ~= '0' then
  for tag in string.gmatch('*\\n' .. entry[4], '[^\\n]+') do
    if tonumber(call('HGET', T, tag) or -1) > tonumber(entry[2]) then isFit = false end
  end
end
if isFit then return { epoch, n, entry[3], call('PTTL', E), entry[4] } end
if ARGV[2] == '0' then return { epoch, n, false, -2 } end
if call('GET', H) == ARGV[1] or call('SET', H, ARGV[1], 'NX', 'PX', ARGV[2]) then return { epoch, n, false, -1 } end
return { epoch, n, false, math.max(call('PTTL', H), 0) }
`,
};

/** Token, lease in milliseconds: 0 ends it. */
export const EXTEND: RedisScript = {
  lua: () => `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`,
};

/** Token, epoch, mark, time to live in milliseconds, payload, tags. */
export const FILL: RedisScript = {
  lua: () => `${BASE}
if call('GET', H) ~= ARGV[1] then return 0 end
call('DEL', E, H)
call('HSET', E, 'e', ARGV[2], 'c', ARGV[3], 'v', ARGV[5], 't', ARGV[6])
call('PEXPIRE', E, ARGV[4])
keep(math.max(${DAY}, ARGV[4]))
return 1
`,
};

/** Token, member, whether somebody waits, the key as JSON, epoch, mark; with an entry, the rest as in FILL. */
export const WRITE: RedisScript = {
  lua: () => `${CHANGES}
local since = tonumber(ARGV[6])
local isFit = ARGV[7] and ARGV[5] == epoch
if isFit then
  local recent = since < n and call('LRANGE', L, since - n, -1) or {}
  isFit = #recent == n - since
  for _, what in ipairs(recent) do
    if what == ARGV[4] then isFit = false end
  end
end
call('DEL', E, H)
note(ARGV[4], ARGV[3])
if isFit then
  call('HSET', E, 'e', epoch, 'c', since, 'v', ARGV[8], 't', ARGV[9])
  call('PEXPIRE', E, ARGV[7])
end
keep(math.max(${DAY}, ARGV[7] or 0))
return { epoch, n, lagging(n) }
`,
};

/** Token, member, whether somebody waits, the change as JSON, tags. */
export const INVALIDATE: RedisScript = {
  lua: () => `${CHANGES}
note(ARGV[4], ARGV[3])
stamp(5)
keep(${DAY})
return { epoch, n, lagging(n) }
`,
};

/** Token, member, epoch, mark. */
export const SYNC: RedisScript = {
  lua: () => `${CHANGES}
local since, news = tonumber(ARGV[4]), false
if ARGV[3] == epoch and since > n then
  -- A server that knows less than it did before: all that it has may be out of date.
  epoch, n = ARGV[1], since
  call('HSET', C, 'e', epoch, 'n', n)
  haunt()
end
if ARGV[3] == epoch and n - since <= call('LLEN', L) then
  news = since < n and call('LRANGE', L, since - n, -1) or {}
end
if call('HLEN', C) > 4096 then
  for _, name in ipairs(call('HKEYS', C)) do
    if string.sub(name, 1, 1) == 'm' then call('HDEL', C, name) end
  end
  haunt()
end
call('HSET', C, 'm' .. ARGV[2], (news and since or -1) .. ' ' .. ARGV[1])
keep(${DAY})
return { epoch, n, news }
`,
};

/** Token, member, mark, fields that may be forgotten and their contents; no contents mean any. */
export const LAGGING: RedisScript = {
  lua: () => `${CHANGES}
for at = 4, #ARGV, 2 do
  if ARGV[at + 1] == '' or call('HGET', C, ARGV[at]) == ARGV[at + 1] then call('HDEL', C, ARGV[at]) end
end
keep(${DAY})
return lagging(tonumber(ARGV[3]))
`,
};
