import type { RedisScript } from './script.ts';

/*
 * All keys of a partition lie in one hash slot, and their names begin with KEYS[1], `K` here:
 *
 *   K:s:ID   hash, a saga        K:l:ID   list, its log       K:e:ID   hash, its events by name
 *   K:ids    all sagas, by id    K:done   those that ended, by when     K:stuck  those that are stuck
 *   K:due:D  sagas of the definition D = "version name" that nobody drives, by when they wake
 *   K:sus:D  the same, due now, of those that died without progress, by how often
 *   K:defs   all D               K:workers  leases, by when they end; 0: buried
 *   K:own:W  sagas of the worker W, K:news:W  those of them that have signals it has not seen
 *   K:out    ids in the outbox, by when they were emitted       K:outbox  hash, what they are
 *   K:n      numbers workers and what is emitted
 *
 * Whatever belongs to nobody lies in `due` or `sus` unless it rests: a worker that died is buried first, and its sagas
 * are moved there, some hundred at a time. A saga keeps the name of its dead worker until it is claimed.
 *
 * ARGV[1] is the verb. Numbers are formatted by hand, because Redis
 * writes those of Lua with 14 or 17 digits, depending on its version.
 */
export const SAGAS: RedisScript = {
  lua: () => `local K, call, at = KEYS[1], redis.call, 1
local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local function int(value) return string.format('%.0f', value) end
local function arg() at = at + 1 return ARGV[at] end
local function num() return tonumber(arg()) end
local function list() local all = {} for k = 1, num() do all[k] = arg() end return all end
local function set() local all = {} for _, each in ipairs(list()) do all[each] = true end return all end
local function get(id, ...)
  local found = call('HMGET', K .. ':s:' .. id, ...)
  return unpack(found)
end
local function alive(worker)
  return (tonumber(call('ZSCORE', K .. ':workers', worker) or 0) or 0) > now
end
local function defOf(id)
  local version, name = get(id, 'version', 'name')
  return version and version .. ' ' .. name
end
local function undue(id)
  local def = defOf(id)
  call('ZREM', K .. ':due:' .. def, id)
  call('ZREM', K .. ':sus:' .. def, id)
  return def
end
local function due(id, wake)
  local def = undue(id)
  call('SADD', K .. ':defs', def)
  local recoveries = tonumber((get(id, 'recoveries')))
  if wake <= now and recoveries > 0 then
    call('ZADD', K .. ':sus:' .. def, recoveries, id)
  else
    call('ZADD', K .. ':due:' .. def, int(wake), id)
  end
end
local function bury()
  local left = 500
  for _, worker in ipairs(call('ZRANGEBYSCORE', K .. ':workers', 0, int(now), 'LIMIT', 0, 100)) do
    call('ZADD', K .. ':workers', 0, worker)
    local ids = left > 0 and call('SPOP', K .. ':own:' .. worker, left) or {}
    left = left - #ids
    for _, id in ipairs(ids) do
      local status, owner = get(id, 'status', 'worker')
      if owner == worker and (status == 'running' or status == 'compensating') then due(id, now) end
    end
    if call('SCARD', K .. ':own:' .. worker) == 0 then
      call('ZREM', K .. ':workers', worker)
      call('DEL', K .. ':news:' .. worker)
    end
  end
end
local function record(id) return call('HGETALL', K .. ':s:' .. id) end
local function snapshot(id)
  return { record(id), call('LRANGE', K .. ':l:' .. id, 0, -1), call('HGETALL', K .. ':e:' .. id), int(now) }
end
local function ended(status) return status == 'completed' or status == 'compensated' end
local function poke(id)
  local worker, status = get(id, 'worker', 'status')
  call('HINCRBY', K .. ':s:' .. id, 'signals', 1)
  if worker == '' then
    if status ~= 'stuck' then
      call('HSET', K .. ':s:' .. id, 'wakeAtMs', int(now))
      due(id, now)
    end
  elseif call('SISMEMBER', K .. ':own:' .. worker, id) == 1 then
    call('SADD', K .. ':news:' .. worker, id)
  end
end
local function take(id, me, isStuck)
  local key = K .. ':s:' .. id
  local worker, signals, seen = get(id, 'worker', 'signals', 'seen')
  undue(id)
  if worker ~= '' then
    call('SREM', K .. ':own:' .. worker, id)
    call('SREM', K .. ':news:' .. worker, id)
  end
  call('HINCRBY', key, 'fence', 1)
  if isStuck then call('HSET', key, 'recoveries', 0)
  elseif worker ~= '' and worker ~= me then call('HINCRBY', key, 'recoveries', 1) end
  call('HSET', key, 'worker', me)
  call('SADD', K .. ':own:' .. me, id)
  if tonumber(signals) > tonumber(seen) then call('SADD', K .. ':news:' .. me, id) end
  return snapshot(id)
end
local function write(me)
  local id, fence, seq, status, cancellable = arg(), arg(), num(), arg(), arg()
  local seenNow, release, entries, outbox = num(), arg(), list(), list()
  local key, log = K .. ':s:' .. id, K .. ':l:' .. id
  local owner, held, before, signals, seen = get(id, 'worker', 'fence', 'status', 'signals', 'seen')
  if not owner then return 's' end
  local length = call('LLEN', log)
  local function fenceAt(k) return tonumber(string.match(call('LINDEX', log, k), '^%d+')) end
  if #entries > 0 and length > seq and fenceAt(seq) == tonumber(fence) then return 'p' end
  if held ~= fence or (owner ~= me and owner ~= '') then return 's' end
  if #entries > 0 and length ~= seq then return 's' end
  if #entries == 0 and (ended(before) or (length > seq and fenceAt(length - 1) >= tonumber(fence))) then return 'p' end
  for _, entry in ipairs(entries) do call('RPUSH', log, fence .. ' ' .. int(now) .. ' ' .. entry) end
  for k = 1, #outbox, 2 do
    call('ZADD', K .. ':out', call('INCR', K .. ':n'), outbox[k])
    call('HSET', K .. ':outbox', outbox[k], int(us) .. ' ' .. outbox[k + 1])
  end
  seen = math.max(tonumber(seen), seenNow)
  call('HSET', key, 'status', status, 'isCancellable', cancellable, 'seen', seen)
  if #entries > 0 then call('HSET', key, 'recoveries', 0) end
  local hasNews = tonumber(signals) > seen
  if owner ~= '' and not hasNews then call('SREM', K .. ':news:' .. owner, id) end
  if before == 'stuck' and status ~= 'stuck' then call('SREM', K .. ':stuck', id) end
  if status == 'stuck' then call('SADD', K .. ':stuck', id) end
  if ended(status) then
    call('HSET', key, 'finishedAtMs', int(now))
    call('ZADD', K .. ':done', int(now), id)
  end
  if release == '' then return 'w' end
  undue(id)
  if owner ~= '' then
    call('SREM', K .. ':own:' .. owner, id)
    call('SREM', K .. ':news:' .. owner, id)
  end
  local wait = hasNews and 0 or tonumber(release)
  local isDue = wait >= 0 and (status == 'running' or status == 'compensating')
  call('HSET', key, 'worker', '', 'wakeAtMs', isDue and int(now + wait) or '')
  if isDue then due(id, now + wait) end
  return 'w'
end
local verbs = {}
function verbs.init()
  local info = redis.pcall('INFO', 'memory')
  return type(info) == 'string' and string.match(info, 'maxmemory_policy:([%w-]+)') or ''
end
function verbs.enlist()
  local lease, name = num(), arg()
  if name == '' then name = int(us) .. '-' .. call('INCR', K .. ':n') end
  call('ZADD', K .. ':workers', int(now + lease), name)
  return name
end
function verbs.renew()
  local worker, lease = arg(), num()
  if not alive(worker) then return false end
  call('ZADD', K .. ':workers', int(now + lease), worker)
  local news = {}
  for _, id in ipairs(call('SMEMBERS', K .. ':news:' .. worker)) do
    local signals, reason = get(id, 'signals', 'cancelReason')
    if signals then news[#news + 1] = { id, signals, reason } end
  end
  return news
end
function verbs.retire()
  call('ZADD', K .. ':workers', 'XX', 0, arg())
  bury()
end
function verbs.create()
  local worker, records = arg(), {}
  call('ZADD', K .. ':workers', 'NX', 0, worker)
  for k = 1, num() do
    local id, name, version, input = arg(), arg(), arg(), arg()
    if call('EXISTS', K .. ':s:' .. id) == 0 then
      call('HSET', K .. ':s:' .. id, 'id', id, 'name', name, 'version', version, 'input', input, 'status', 'running',
        'worker', worker, 'fence', 1, 'recoveries', 0, 'signals', 0, 'seen', 0, 'isCancellable', 1,
        'wakeAtMs', '', 'finishedAtMs', '', 'createdAtMs', int(now))
      call('ZADD', K .. ':ids', 0, id)
      call('SADD', K .. ':own:' .. worker, id)
    end
    records[k] = record(id)
  end
  return records
end
function verbs.write()
  local worker, verdicts = arg(), ''
  for k = 1, num() do verdicts = verdicts .. write(worker) end
  return verdicts
end
function verbs.claim()
  local me, limit, suspects, after, isStuck = arg(), num(), num(), num(), arg() == '1'
  local hasIds, ids, hasHeld, held, defs = arg() == '1', list(), arg() == '1', set(), list()
  local known, all = {}, {}
  for _, def in ipairs(defs) do known[def] = true end
  bury()
  if not alive(me) then return all end
  local function consider(id)
    local status, worker, wake, recoveries = get(id, 'status', 'worker', 'wakeAtMs', 'recoveries')
    if not status or ended(status) or not known[defOf(id)] or isStuck ~= (status == 'stuck') then return end
    local isFree = worker == '' or not alive(worker)
    local isDue = isFree and (worker ~= '' or (tonumber(wake) or now + 1) <= now)
    local isMine = hasHeld and worker == me and not held[id]
    if not (isMine or isStuck and isFree or not isStuck and isDue) then return end
    local isSuspect = tonumber(recoveries) >= after and not isStuck
    if isSuspect then
      if suspects < 1 then return end
      suspects = suspects - 1
    else
      if limit < 1 then return end
      limit = limit - 1
    end
    all[#all + 1] = take(id, me, isStuck)
    all[#all][5] = isSuspect and 1 or 0
  end
  local function each(some) for _, id in ipairs(some) do consider(id) end end
  if hasIds then
    each(ids)
    return all
  end
  if isStuck then
    each(call('SMEMBERS', K .. ':stuck'))
    return all
  end
  if hasHeld then each(call('SMEMBERS', K .. ':own:' .. me)) end
  local dying = {}
  for _, def in ipairs(defs) do
    local dueKey, susKey = K .. ':due:' .. def, K .. ':sus:' .. def
    repeat
      local some, moved = call('ZRANGEBYSCORE', dueKey, 0, int(now), 'LIMIT', 0, int(limit + 1)), 0
      for _, id in ipairs(some) do
        if get(id, 'recoveries') == '0' then consider(id) else due(id, now) moved = moved + 1 end
      end
    until moved == 0
    if limit > 0 and after > 1 then
      each(call('ZRANGEBYSCORE', susKey, 1, '(' .. int(after), 'LIMIT', 0, int(limit)))
    end
    if suspects > 0 then
      for _, id in ipairs(call('ZRANGEBYSCORE', susKey, int(after), '+inf', 'LIMIT', 0, int(suspects))) do
        dying[#dying + 1] = { id, tonumber(call('ZSCORE', susKey, id)) }
      end
    end
  end
  table.sort(dying, function(a, b) return a[2] < b[2] end)
  for _, suspect in ipairs(dying) do consider(suspect[1]) end
  return all
end
function verbs.suspects()
  local after, most, all = num(), num(), {}
  for _, def in ipairs(list()) do
    local some = call('ZRANGEBYSCORE', K .. ':sus:' .. def, int(after), '+inf', 'WITHSCORES', 'LIMIT', 0, int(most))
    for k = 2, #some, 2 do all[#all + 1] = some[k] end
  end
  return all
end
function verbs.strangers()
  local limit, known, all = num(), set(), {}
  bury()
  for _, def in ipairs(call('SMEMBERS', K .. ':defs')) do
    if not known[def] then
      for kind, most in pairs({ due = int(now), sus = '+inf' }) do
        for _, id in ipairs(call('ZRANGEBYSCORE', K .. ':' .. kind .. ':' .. def, 0, most, 'LIMIT', 0, int(limit))) do
          all[#all + 1] = record(id)
        end
      end
      if call('EXISTS', K .. ':due:' .. def, K .. ':sus:' .. def) == 0 then call('SREM', K .. ':defs', def) end
    end
  end
  return all
end
function verbs.load()
  local id = arg()
  return call('EXISTS', K .. ':s:' .. id) == 1 and snapshot(id)
end
function verbs.get()
  local records = {}
  for _, id in ipairs(list()) do records[#records + 1] = record(id) end
  return records
end
function verbs.list()
  local status, name, after, limit = arg(), arg(), arg(), num()
  local records, last = {}, ''
  for _, id in ipairs(call('ZRANGEBYLEX', K .. ':ids', after, '+', 'LIMIT', 0, 500)) do
    if #records == limit then break end
    local itsStatus, itsName = get(id, 'status', 'name')
    if (status == '' or status == itsStatus) and (name == '' or name == '=' .. itsName) then
      records[#records + 1] = record(id)
    end
    last = '(' .. id
  end
  return { records, last }
end
function verbs.signal()
  local id, name, payload = arg(), arg(), arg()
  local status = get(id, 'status')
  if not status or ended(status) then return 0 end
  if call('HSETNX', K .. ':e:' .. id, name, payload) == 1 then poke(id) end
  return 1
end
function verbs.cancel()
  local id, reason = arg(), arg()
  local status, cancellable = get(id, 'status', 'isCancellable')
  if cancellable ~= '1' or ended(status) then return 0 end
  if call('HSETNX', K .. ':s:' .. id, 'cancelReason', reason) == 1 then poke(id) end
  return 1
end
function verbs.purge()
  local ids = call('ZRANGEBYSCORE', K .. ':done', 0, '(' .. arg(), 'LIMIT', 0, arg())
  for _, id in ipairs(ids) do
    call('DEL', K .. ':s:' .. id, K .. ':l:' .. id, K .. ':e:' .. id)
    call('ZREM', K .. ':ids', id)
    call('ZREM', K .. ':done', id)
  end
  return #ids
end
function verbs.outbox()
  local events = {}
  for k, id in ipairs(call('ZRANGE', K .. ':out', 0, int(num() - 1))) do
    events[k] = call('HGET', K .. ':outbox', id)
  end
  return events
end
function verbs.published()
  for _, id in ipairs(list()) do
    call('ZREM', K .. ':out', id)
    call('HDEL', K .. ':outbox', id)
  end
end
return verbs[ARGV[1]]()`,
};
