-- Called with the slots locked: whoever has a hold in hand waits for us, so it is passed over and
-- stays due.
create or replace function seckill_private.settle_pool (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  while seckill_private.expire_holds(
          p_now, array[p_activity_id], p_pool_id, 10000, p_actor) = 10000
  loop
    null;
  end loop;
end
$function$;

comment on function seckill_private.settle_pool (timestamptz, bigint, bigint, text) is
  'Give back the units of a pool whose holds have ended.';
