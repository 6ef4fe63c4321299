-- The schedule of a past instant is in the journal: the one that stood then was the last one asked
-- for.
create or replace function seckill_private.scheduled_by (
  p_pool_id bigint,
  p_at timestamptz
)
  returns bigint
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_arguments jsonb;
begin
  select e.arguments into v_arguments
    from seckill_private.pool as p
    join seckill_private.ops_entry as e
      on e.activity_id = p.activity_id
     and e.call = 'schedule_release'
     and e.arguments ->> 'sku' = p.sku
     and e.arguments ->> 'region' = p.region
   where p.pool_id = p_pool_id
     and e.at <= p_at
   order by e.entry_id desc
   limit 1;
  return (
    select coalesce(sum(q.units::bigint), 0)::bigint
      from rows from (
             jsonb_array_elements_text(v_arguments -> 'release_at'),
             jsonb_array_elements_text(v_arguments -> 'quantities')) as q (release_at, units)
     where q.release_at::timestamp at time zone 'UTC' <= p_at);
end
$function$;

comment on function seckill_private.scheduled_by (bigint, timestamptz) is
  'Units of a pool that were to be released by an instant, by the schedule that stood then.';
