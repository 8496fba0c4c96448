import { createHash } from 'node:crypto';

/**
 * A Lua script, which Redis runs as one indivisible step and remembers by its digest. Each namespace has its own, so that
 * what a server remembers of one says nothing about another.
 */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** The longest life of anything in Redis, 30 days: a namespace that nobody uses leaves nothing behind. */
export const LONGEST_LIFE: number = 30 * 24 * 3_600_000;

/** Patterns that one namespace keeps; with more, the oldest becomes "all that is as old as this". */
export const MOST_BANS = 64;

/** The server's run, in Lua: another one after each start. */
const RUN = "string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')";

/**
 * KEYS: the value and the lease of one cache key. A lease is who has it and the run of the server that gave it: of another
 * run it has come back with a snapshot, or with a former replica, and is void (see `RedisStore`). A record's end is told
 * on the server's own clock, for which `lease` and `now` answer with what that shows, in ms; its life is told too, lest a
 * clock that is set back make it longer.
 */
export const pairScript = (namespace: string): Script =>
  script(`-- ${namespace}
local op, value, lease = ARGV[1], KEYS[1], KEYS[2]
if op == 'read' then
  local size = redis.pcall('STRLEN', value)
  if type(size) ~= 'number' or size == 0 or size > tonumber(ARGV[2]) then return false end
  return { redis.call('GET', value), redis.call('PTTL', value) }
end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
if op == 'now' then return now() end
local held = redis.pcall('GET', lease)
local holder, giver = string.match(type(held) == 'string' and held or '', '^(%S+) (%w+)$')
if op == 'lease' then
  local run = ${RUN}
  if giver == run and holder ~= ARGV[2] then return 0 end
  if giver ~= run then redis.call('SET', lease, ARGV[2] .. ' ' .. run, 'PX', ARGV[3]) end
  return now()
end
if op == 'release' then
  if holder == ARGV[2] then redis.call('DEL', lease) end
  return 1
end
if op == 'write' then
  if ARGV[2] ~= '' and holder ~= ARGV[2] then return 0 end
  redis.call('DEL', lease)
  local left = math.min(ARGV[3] - now(), ARGV[4])
  if ARGV[5] == '' or left <= 0 then redis.call('DEL', value) else redis.call('SET', value, ARGV[5], 'PX', left) end
  return 1
end
return 0
`);

/**
 * KEYS: the ledger of a namespace, a hash, then the tags that the call is about. Its fields are `epoch`, `clock`, `floor`,
 * `banned` (the clock at the last ban), `runs` (of servers that are known not to have started again since the epoch
 * began), and for each ban the clock at which it was made, with the pattern as value.
 */
export const ledgerScript = (namespace: string): Script =>
  script(`-- ${namespace}
local op, ledger = ARGV[1], KEYS[1]
local function run() return ${RUN} end
local function begin(a, b)
  redis.call('DEL', ledger)
  redis.call('HSET', ledger, 'epoch', a, 'clock', b, 'floor', b, 'banned', b, 'runs', run())
  redis.call('PEXPIRE', ledger, ${LONGEST_LIFE})
end
if op == 'renew' then
  local runs = redis.pcall('HGET', ledger, 'runs')
  if type(runs) == 'string' and string.find(runs, run(), 1, true) and string.find(runs, ARGV[3], 1, true) then return 0 end
  begin(ARGV[2], 0)
  redis.call('HSET', ledger, 'runs', run() .. ' ' .. ARGV[3])
  return 1
end
local head = redis.pcall('HMGET', ledger, 'epoch', 'clock', 'floor', 'banned')
if head.err or not (head[1] and tonumber(head[2]) and tonumber(head[3]) and tonumber(head[4])) then
  if op ~= 'open' then return false end
  begin(ARGV[3], 0)
  head = { ARGV[3], 0, 0, 0 }
end
local epoch, clock, floor, banned = head[1], tonumber(head[2]), tonumber(head[3]), tonumber(head[4])

if op == 'bump' then
  clock = redis.call('HINCRBY', ledger, 'clock', 1)
  for i = 2, #KEYS do redis.call('SET', KEYS[i], epoch .. ':' .. clock, 'XX', 'KEEPTTL') end
  if ARGV[2] == 'all' then begin(epoch, clock) end
  for i = 3, #ARGV do
    local bans, all = {}, redis.call('HGETALL', ledger)
    for j = 1, #all, 2 do
      local at = tonumber(all[j])
      if at and all[j + 1] == ARGV[i] then redis.call('HDEL', ledger, all[j])
      elseif at then bans[#bans + 1] = at end
    end
    if #bans >= ${MOST_BANS} then
      floor = math.max(floor, math.min(unpack(bans)))
      redis.call('HDEL', ledger, math.min(unpack(bans)))
    end
    clock = redis.call('HINCRBY', ledger, 'clock', 1)
    redis.call('HSET', ledger, clock, ARGV[i], 'floor', floor, 'banned', clock)
  end
  return 1
end

local prefix, versions = epoch .. ':', {}
for i = 2, #KEYS do
  local held = redis.pcall('GET', KEYS[i])
  local version = type(held) == 'string' and string.sub(held, 1, #prefix) == prefix and tonumber(string.sub(held, #prefix + 1))
  if op == 'open' then
    if not version then
      version = clock
      redis.call('SET', KEYS[i], prefix .. clock, 'PX', ARGV[4])
    elseif redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then
      redis.call('PEXPIRE', KEYS[i], ARGV[4])
    end
  end
  versions[i - 1] = version or -1
end
if op == 'open' then redis.call('PEXPIRE', ledger, ${LONGEST_LIFE}) end

local bans = false
if ARGV[2] ~= prefix .. banned then
  bans = {}
  local all = redis.call('HGETALL', ledger)
  for j = 1, #all, 2 do
    if tonumber(all[j]) then bans[#bans + 1] = all[j]; bans[#bans + 1] = all[j + 1] end
  end
end
return { epoch, clock, floor, prefix .. banned, versions, bans }
`);

/** Tells the run of the server that has the keys. */
export const runScript = (): Script => script(`return ${RUN}`);

/**
 * A script because every kind of client sends it to a master: a plain PUBLISH counts as a read, which a Sentinel client
 * with replicas sends to one of them, and what is published on a replica does not reach the master's subscribers. The
 * channel is no key: it has no slot, and a client's `keyPrefix` is for keys alone, as in a subscription.
 */
export const publishScript = (): Script => script(`return redis.call('PUBLISH', ARGV[1], ARGV[2])`);

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}
