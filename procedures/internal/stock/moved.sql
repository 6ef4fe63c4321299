-- Double entry: what leaves the source arrives in the target, and no other account notices.
create or replace function seckill_private.moved (
  p_source text,
  p_target text,
  p_account text
)
  returns integer
  language sql
  immutable
  parallel safe
return (p_target = p_account)::integer - (p_source = p_account)::integer;

comment on function seckill_private.moved (text, text, text) is
  'What a movement of one unit from source to target does to an account: 1, 0 or -1.';
