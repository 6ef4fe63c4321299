-- By the key for users (p_keys), by the index of digests for everything else: one of the two is
-- null, and its half is not run. No range of buyer_key in the second: it would tempt the planner to
-- read the whole activity by the key.
create or replace function seckill_private.reservations_of (
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea
)
  returns setof seckill_private.reservation
  language sql
  stable
begin atomic
  select r.*
    from seckill_private.reservation as r
   where p_keys is not null
     and r.buyer_key = any (p_keys)
     and r.user_id = p_user_id
   union all
  select r.*
    from seckill_private.reservation as r
   where p_digest is not null
     and r.subjects @> array[p_digest]
     and (p_activity_id is null or (r.buyer_key >> 40) = p_activity_id);
end;

comment on function seckill_private.reservations_of (bigint[], text, bigint, bytea) is
  'The reservations of a user under some keys, or of another subject in an activity (null: in all).';
