-- Compared as a set: two calls with the same releases need no second schedule.
create or replace function seckill_private.releases_stand (
  p_pool_id bigint,
  p_release_at timestamptz[],
  p_quantities bigint[]
)
  returns boolean
  language sql
  stable
begin atomic
  select not exists (
    (select r.release_at, r.quantity
       from seckill_private.stock_release as r
      where r.pool_id = p_pool_id)
    except
    select u.release_at, u.quantity
      from unnest(p_release_at, p_quantities) as u (release_at, quantity))
   and cardinality(p_release_at) = (
     select count(*) from seckill_private.stock_release as r where r.pool_id = p_pool_id);
end;

comment on function seckill_private.releases_stand (bigint, timestamptz[], bigint[]) is
  'Whether the schedule of a pool is this one already.';
