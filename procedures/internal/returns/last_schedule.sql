-- The schedule of a past instant is in the journal: the one that stood then was the last one asked
-- for.
create or replace function seckill_private.last_schedule (
  p_pool_id bigint,
  p_at timestamptz
)
  returns table (release_at timestamptz, quantity bigint)
  language sql
  stable
begin atomic
  select u.release_at::timestamp at time zone 'UTC', u.quantity::bigint
    from (select e.arguments
            from seckill_private.pool as p
            join seckill_private.ops_entry as e
              on e.activity_id = p.activity_id
             and e.call = 'schedule_release'
             and e.arguments ->> 'sku' = p.sku
             and e.arguments ->> 'region' = p.region
           where p.pool_id = p_pool_id
             and e.at <= p_at
           order by e.entry_id desc
           limit 1) as s
   cross join lateral rows from (
           jsonb_array_elements_text(s.arguments -> 'release_at'),
           jsonb_array_elements_text(s.arguments -> 'quantities')) as u (release_at, quantity);
end;

comment on function seckill_private.last_schedule (bigint, timestamptz) is
  'The releases of a pool that were asked for by the last call before an instant.';
