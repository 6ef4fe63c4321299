-- Transaction ids belong to a cluster. A database that was restored into another one (pg_dump)
-- meets ids that are lower than the positions it brought along: then new ones are put above all of
-- those, and cursors of before end, since rows that were written before anybody called changes here
-- may stand anywhere. Where ids go on (pg_upgrade) nothing but the cluster's name changes.
-- Locks: the slots' table and the ledger against writers, once in the life of a cluster.
create or replace function seckill_private.rebase_feed ()
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_system_identifier bigint := (select c.system_identifier from pg_control_system() as c);
  v_last bigint;
begin
  if pg_is_in_recovery() then
    perform seckill_private.raise_error(
      'SK006', 'the database was restored: call changes once on its primary');
  end if;
  lock table seckill_private.pool_slot, seckill_private.movement, seckill_private.reservation
    in share mode;
  perform from seckill_private.feed as f
    where f.system_identifier <> v_system_identifier
      for update;
  if not found then
    return;
  end if;
  select greatest(
           (select max(s.position) from seckill_private.pool_slot as s),
           (select max(m.position) from seckill_private.movement as m),
           (select max(r.position) from seckill_private.reservation as r))
    into v_last;
  update seckill_private.feed as f
     set system_identifier = v_system_identifier;
  if v_last >= seckill_private.feed_horizon() then
    update seckill_private.feed as f
       set position_base = v_last,
           generation = left(gen_random_uuid()::text, 8);
    update seckill_private.pool_slot as s
       set position_base = v_last;
  end if;
end
$function$;

comment on function seckill_private.rebase_feed () is
  'Put the positions to come above those that a restored database brought along.';
