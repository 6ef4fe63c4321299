-- The stored counters, all slots together: what is due is settled before they are asked for.
create or replace function seckill_private.slots_of (
  p_pool_id bigint
)
  returns seckill_private.pool_slot
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sum seckill_private.pool_slot;
begin
  select sum(s.total)::bigint, sum(s.available)::bigint, sum(s.held)::bigint,
         sum(s.sold)::bigint, sum(s.unreleased)::bigint, sum(s.owed)::bigint
    into v_sum.total, v_sum.available, v_sum.held, v_sum.sold, v_sum.unreleased, v_sum.owed
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id;
  v_sum.pool_id := p_pool_id;
  return v_sum;
end
$function$;

comment on function seckill_private.slots_of (bigint) is
  'The counters of a pool''s slots added up; the other fields stay null.';
