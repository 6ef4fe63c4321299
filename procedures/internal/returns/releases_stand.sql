-- Compared as sets, and with what was asked for last: two calls with the same releases need no
-- second schedule, also when the first of them were moved meanwhile. A cut takes units from the
-- schedule, so what waits must be what was asked for.
create or replace function seckill_private.releases_stand (
  p_pool_id bigint,
  p_release_at timestamptz[],
  p_quantities bigint[],
  p_now timestamptz
)
  returns boolean
  language sql
  stable
begin atomic
  with asked as (
    select u.release_at, u.quantity
      from unnest(p_release_at, p_quantities) as u (release_at, quantity)
  ), last as (
    select l.release_at, l.quantity
      from seckill_private.last_schedule(p_pool_id, 'infinity') as l
  ), waiting as (
    select r.release_at, r.quantity
      from seckill_private.stock_release as r
     where r.pool_id = p_pool_id
  )
  select not exists (table last except table asked)
     and not exists (table asked except table last)
     and not exists (table waiting except table asked)
     and not exists (
       select a.release_at, a.quantity from asked as a where a.release_at > p_now
       except
       table waiting);
end;

comment on function seckill_private.releases_stand (
  bigint, timestamptz[], bigint[], timestamptz) is
  'Whether the schedule of a pool is this one already.';
