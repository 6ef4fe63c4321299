-- Stable, so all checks look at one snapshot: what they compare was committed together.
create or replace function seckill.reconcile (
  p_activity_id bigint
)
  returns setof seckill.violation
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.load_sale(p_activity_id);
  return query
    select v.* from seckill_private.check_slots(p_activity_id) as v
     union all
    select v.* from seckill_private.check_inventory(p_activity_id) as v
     union all
    select v.* from seckill_private.check_rules(p_activity_id) as v
     union all
    select v.* from seckill_private.check_limits(p_activity_id) as v
     union all
    select v.* from seckill_private.check_reservations(p_activity_id) as v;
end
$function$;

comment on function seckill.reconcile (bigint) is
  'Prove the books of an activity, while it sells too: I1 (counters), I2 (ledger), I3 (limits as '
  'they stood), I4 and I7 (each reservation resolved once, and in time). No row is the proof. '
  'Raises SK001, SK002.';
grant execute on function seckill.reconcile (bigint) to seckill_read, seckill_app, seckill_ops;
