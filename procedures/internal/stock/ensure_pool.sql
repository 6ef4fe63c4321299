-- Called under the activity's lock, so nobody makes the same pool at the same time.
create or replace function seckill_private.ensure_pool (
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_slots integer default 1
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
begin
  select p.pool_id into v_pool_id
    from seckill_private.pool as p
   where p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region;
  if not found then
    insert into seckill_private.pool (activity_id, sku, region, slots)
    values (p_activity_id, p_sku, p_region, p_slots)
    returning pool_id into v_pool_id;
    perform seckill_private.add_slots(v_pool_id);
  end if;
  return v_pool_id;
end
$function$;

comment on function seckill_private.ensure_pool (bigint, text, text, integer) is
  'The pool of (activity, sku, region), made empty where it is missing.';
