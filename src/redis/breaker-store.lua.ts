import type { RedisScript } from './script.ts';

/*
 * Fields of the hash: `n` and a node, its report: until when it is open, when it opened, until when the report
 * stands; `o`, when a quorum was open first since the last recovery; `r`, the last recovery; `h`, `u` and `f`,
 * who holds the trials, until when, and the last fencing token; `a`, until when somebody waits for whom the
 * holder shall pass them on; `c`, until when nobody is let hold them, because whoever did may be forgotten.
 * One key, so that eviction and expiry take all or nothing. All times are the server's, in milliseconds.
 * Numbers are formatted by hand, because Redis writes those of Lua with 14 or 17 digits, depending on its version.
 */
const HEAD = `
local key = KEYS[1]
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local node, holder, trial = 'n' .. ARGV[1], ARGV[2], ARGV[3]
local openFor, openedAgo, ttl, recoveredAgo = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local quorum, fencing = tonumber(ARGV[8]), tonumber(ARGV[9])
local all = {}
local flat = redis.call('HGETALL', key)
for k = 1, #flat, 2 do all[flat[k]] = flat[k + 1] end
local isNew, isChanged = #flat == 0, false
local function int(value) return string.format('%.0f', value) end
local function get(field) return tonumber(all[field] or '0') end
local function put(field, value)
  all[field], isChanged = value, true
  redis.call('HSET', key, field, value)
end
local function drop(field)
  if not all[field] then return end
  all[field], isChanged = nil, true
  redis.call('HDEL', key, field)
end
`;

/**
 * What has been is not in the future, unless the clock was set back, or is that of another server: then it was just now.
 * A recovery ends what opened before it, unless the trials have passed to somebody else meanwhile.
 */
const RECOVER = `
for _, past in ipairs({ 'o', 'r' }) do
  if get(past) > now then put(past, int(now)) end
end
if recoveredAgo >= 0 and (fencing == 0 or fencing == get('f')) then
  local at = now - recoveredAgo
  if all.o and get('o') <= at then
    drop('o')
    put('r', int(at))
  end
end
`;

/** Who is open now, and whether those are a quorum. */
const REPORTS = `
if openFor > 0 then
  put(node, int(now + openFor) .. ' ' .. int(now - openedAgo) .. ' ' .. int(now + ttl))
else
  drop(node)
end
local untils = {}
for field, value in pairs(all) do
  if string.sub(field, 1, 1) == 'n' then
    local till, at, fresh = string.match(value, '^(%d+) (%d+) (%d+)$')
    if tonumber(till) <= now or tonumber(fresh) <= now or tonumber(at) < get('r') then
      drop(field)
    else
      untils[#untils + 1] = tonumber(till)
    end
  end
end
table.sort(untils, function(a, b) return a > b end)
local openForAll = untils[quorum] and untils[quorum] - now or 0
if openForAll > 0 and not all.o then put('o', int(now)) end
`;

const TRIALS = `
if isNew and (next(all) or trial ~= 'none') then put('c', int(now + ttl)) end
if get('u') <= now then drop('h') end
if trial == 'none' then
  if all.h == holder then drop('h') end
elseif all.h and all.h ~= holder then
  if trial == 'urgent' then put('a', int(now + ttl)) end
elseif trial == 'running' or (openForAll == 0 and get('c') <= now) then
  local isAwaited = get('a') > now and trial ~= 'running'
  if not all.h and (trial == 'urgent' or not isAwaited) then
    put('h', holder)
    put('f', int(math.max(us, get('f') + 1)))
    put('u', int(now + ttl))
    drop('a')
  elseif all.h and not isAwaited then
    put('u', int(now + ttl))
  end
end
`;

const TAIL = `
if isChanged then
  local keep = 3600000
  for k = 1, #untils do keep = math.max(keep, 2 * (untils[k] - now)) end
  redis.call('PEXPIRE', key, int(keep))
end
local recovered = all.r and now - get('r') or -1
local held = all.h == holder and get('u') - now or 0
return { all.o and 1 or 0, #untils, openForAll, recovered, held, get('f') }
`;

export const SYNC: RedisScript = { lua: () => HEAD + RECOVER + REPORTS + TRIALS + TAIL };
