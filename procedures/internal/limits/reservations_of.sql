-- By the key for users (p_keys), by the index of digests for everything else: one of the two is
-- null, and its half is not run. No range of buyer_key in the second: it would tempt the planner to
-- read the whole activity by the key. As they were at an instant of the past (p_as_of): by
-- reservations_then; null, which nearly all pass: as they stand.
create or replace function seckill_private.reservations_of (
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_as_of timestamptz default null
)
  returns setof seckill_private.reservation
  language sql
  stable
begin atomic
  select r.*
    from seckill_private.reservation as r
   where p_as_of is null
     and p_keys is not null
     and r.buyer_key = any (p_keys)
     and r.user_id = p_user_id
   union all
  select r.*
    from seckill_private.reservation as r
   where p_as_of is null
     and p_digest is not null
     and r.subjects @> array[p_digest]
     and (p_activity_id is null or (r.buyer_key >> 40) = p_activity_id)
   union all
  select r.*
    from seckill_private.reservations_then(
           p_keys, p_user_id, p_activity_id, p_digest, p_as_of) as r
   where p_as_of is not null;
end;

comment on function seckill_private.reservations_of (
  bigint[], text, bigint, bytea, timestamptz) is
  'The reservations of a user under some keys, or of another subject in an activity (null: in all).';
