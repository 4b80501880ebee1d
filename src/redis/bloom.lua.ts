import type { RedisScript } from './script.ts';

/*
 * The filter is one string: 48 bytes of header, the bits, and 16 digits of the microsecond at which it was made. One
 * key, so that it expires as a whole. All scripts answer 'other' when the key holds anything else. Bytes go as hex, four
 * at a time: one by one, or through string.gsub, the server would be held up ten times as long.
 *
 * ARGV: operation, header in hex, length of the string, milliseconds to live or 0; then
 *   add, has: bits per key, and that many bit numbers for each key -> a 1 or 0 for each: was it there
 *   read: first and last byte -> when it was made, and the bytes in hex; nothing when there is none
 *   merge: first byte, and bytes in hex, which are or'ed to those there -> when it was made
 */
export const BITMAP: RedisScript = {
  lua: () => `local key, op, bytes, ttl = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local function hex(part)
  local words = {}
  for at = 1, #part, 4 do words[#words + 1] = bit.tohex((struct.unpack('>i4', part, at))) end
  return table.concat(words)
end
local kind = redis.call('TYPE', key).ok
if kind == 'none' then
  if op == 'has' or op == 'read' then return '' end
  local time = redis.call('TIME')
  redis.call('SETRANGE', key, bytes - 16, string.format('%010d%06d', time[1], time[2]))
  local head = string.gsub(ARGV[2], '%x%x', function(digits) return string.char(tonumber(digits, 16)) end)
  redis.call('SETRANGE', key, 0, head)
  if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
else
  if kind ~= 'string' or redis.call('STRLEN', key) ~= bytes then return 'other' end
  if hex(redis.call('GETRANGE', key, 0, 47)) ~= ARGV[2] then return 'other' end
end
local function made() return redis.call('GETRANGE', key, bytes - 16, bytes - 1) end
if op == 'read' then return made() .. hex(redis.call('GETRANGE', key, ARGV[5], ARGV[6])) end
if op == 'merge' then
  local from, digits, merged = tonumber(ARGV[5]), ARGV[6], {}
  local part = redis.call('GETRANGE', key, from, from + #digits / 2 - 1)
  for at = 1, #part, 4 do
    local word = tonumber(string.sub(digits, 2 * at - 1, 2 * at + 6), 16)
    merged[#merged + 1] = struct.pack('>i4', bit.bor(struct.unpack('>i4', part, at), word))
  end
  redis.call('SETRANGE', key, from, table.concat(merged))
  return made()
end
local perKey, answers = tonumber(ARGV[5]), {}
for first = 6, #ARGV, perKey do
  local was = '1'
  for at = first, first + perKey - 1 do
    if op == 'add' then
      if redis.call('SETBIT', key, ARGV[at], 1) == 0 then was = '0' end
    elseif redis.call('GETBIT', key, ARGV[at]) == 0 then
      was = '0'
      break
    end
  end
  answers[#answers + 1] = was
end
return table.concat(answers)`,
};

/*
 * The same over the BF commands. A filter that others have made is taken as it is, save for its capacity.
 *
 * ARGV: operation, capacity, rate, milliseconds to live or 0, 1, and a hash for each key
 */
export const MODULE: RedisScript = {
  lua: () => `local key, op = KEYS[1], ARGV[1]
local isThere = redis.call('EXISTS', key) == 1
if not isThere then
  if op == 'has' then return '' end
  redis.call('BF.RESERVE', key, ARGV[3], ARGV[2])
  if tonumber(ARGV[4]) > 0 then redis.call('PEXPIRE', key, ARGV[4]) end
else
  local capacity = redis.call('BF.INFO', key, 'CAPACITY')
  if type(capacity) == 'table' then capacity = capacity[1] end
  if capacity < tonumber(ARGV[2]) then return 'other' end
end
local answers = {}
for at = 6, #ARGV do
  if op == 'add' then
    answers[#answers + 1] = redis.call('BF.ADD', key, ARGV[at]) == 0 and '1' or '0'
  else
    answers[#answers + 1] = redis.call('BF.EXISTS', key, ARGV[at]) == 1 and '1' or '0'
  end
end
return table.concat(answers)`,
};
