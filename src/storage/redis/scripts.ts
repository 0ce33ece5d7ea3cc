/**
 * What is done in Redis in one step each. Every write names the fence of its writer and the number of the batch before
 * it; where one of them is another than Redis has, nothing is written. All that can go wrong is seen before the first
 * write of a script, since Redis takes nothing back: a key of a wrong type, a file of another length than its writer
 * believes, no memory. (Redis refuses for want of memory at a script's first write, never later.)
 */
import { createHash } from "node:crypto";

/** How refusals of our own begin. */
export const REFUSAL = {
  fence: "SKEINFENCE",
  order: "SKEINORDER",
  length: "SKEINLENGTH",
} as const;

/**
 * One write. KEYS: state, names, file, the file's next name. ARGV: fence, number of the batch before, number of this
 * one, what to do, and its arguments.
 */
export const WRITE_SCRIPT = `
local state = redis.call('HMGET', KEYS[1], 'fence', 'batch')
if state[1] ~= ARGV[1] then
  return redis.error_reply('${REFUSAL.fence} the fence is ' .. tostring(state[1]))
end
if state[2] ~= ARGV[2] then
  return redis.error_reply('${REFUSAL.order} the last batch is ' .. tostring(state[2]))
end
local length = redis.call('STRLEN', KEYS[3])
local what = ARGV[4]
if what == 'write' then
  if length ~= tonumber(ARGV[5]) then
    return redis.error_reply('${REFUSAL.length} ' .. KEYS[3] .. ' has ' .. length .. ' bytes')
  end
  redis.call('SETRANGE', KEYS[3], ARGV[6], ARGV[7])
elseif what == 'create' then
  redis.call('SADD', KEYS[2], KEYS[3])
  redis.call('SET', KEYS[3], '')
elseif what == 'cut' then
  local kept = ''
  if tonumber(ARGV[5]) > 0 then kept = redis.call('GETRANGE', KEYS[3], 0, ARGV[5] - 1) end
  redis.call('SET', KEYS[3], kept)
elseif what == 'rename' then
  if redis.call('EXISTS', KEYS[3]) == 0 then
    return redis.error_reply('${REFUSAL.length} ' .. KEYS[3] .. ' is not there')
  end
  redis.call('SREM', KEYS[2], KEYS[3])
  redis.call('SADD', KEYS[2], KEYS[4])
  redis.call('RENAME', KEYS[3], KEYS[4])
elseif what == 'remove' then
  redis.call('SREM', KEYS[2], KEYS[3])
  redis.call('UNLINK', KEYS[3])
end
redis.call('HSET', KEYS[1], 'batch', ARGV[3])
return 1
`;

/** By which Redis knows it once it was sent. */
export const WRITE_SCRIPT_HASH = createHash("sha1").update(WRITE_SCRIPT).digest("hex");

/**
 * Takes the state, unless its owner is another than was seen: whoever had it has an older fence from now on.
 * KEYS: state, owner. ARGV: the owner that was seen ('' where there was none), the new one, how long it is taken to
 * live in ms, the format, how far the fence goes on. Returns the fence and the number of the last batch, or nothing.
 */
export const TAKE_SCRIPT = `
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return {} end
redis.call('HINCRBY', KEYS[1], 'fence', ARGV[5])
redis.call('HSETNX', KEYS[1], 'batch', '0')
redis.call('HSETNX', KEYS[1], 'format', ARGV[4])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return redis.call('HMGET', KEYS[1], 'fence', 'batch')
`;

/**
 * The owner lives. KEYS: state, owner. ARGV: fence, owner, how long from now in ms. Where there is no memory the key
 * that is there gets its time all the same.
 */
export const KEEP_SCRIPT = `
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence ~= ARGV[1] then
  return redis.error_reply('${REFUSAL.fence} the fence is ' .. tostring(fence))
end
if redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
else
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
return 1
`;

/** The owner lets go. KEYS: state, owner. ARGV: fence. */
export const RELEASE_SCRIPT = `
if redis.call('HGET', KEYS[1], 'fence') == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
`;
