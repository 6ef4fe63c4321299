-- The first call marks the activity, and from then on nobody sees it; each call deletes some rows.
-- Where it is the last of its 64, the partitions go instead.
-- Locks: the activity's row; those of seckill_private.drop_partition.
create or replace function seckill.drop_archived (
  p_activity_id bigint,
  p_limit integer default 1000,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '100ms'
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(
    p_activity_id, p_open_only => false, p_dropped_too => true);
  v_gone boolean := false;
begin
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.optional_text('p_actor', p_actor);
  if v_activity.archived_at is null then
    perform seckill_private.raise_error('SK006', 'the activity is not archived');
  end if;
  v_result.activity_id := p_activity_id;
  v_result.status := 'dropping';
  if v_activity.dropped_at is null then
    update seckill_private.activity as a
       set dropped_at = clock_timestamp()
     where a.activity_id = p_activity_id;
    update seckill_private.feed as f
       set drops = f.drops + 1,
           dropped_position = greatest(f.dropped_position, v_activity.last_position);
    delete from seckill_private.limit_version as l where l.activity_id = p_activity_id;
    delete from seckill_private.list_dimension as d where d.activity_id = p_activity_id;
    delete from seckill_private.pool_slot as s
     using seckill_private.pool as p
     where p.activity_id = p_activity_id
       and s.pool_id = p.pool_id;
    delete from seckill_private.stock_release as r
     using seckill_private.pool as p
     where p.activity_id = p_activity_id
       and r.pool_id = p.pool_id;
    delete from seckill_private.pool as p where p.activity_id = p_activity_id;
    perform seckill_private.ops_record(
      'drop_archived', p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
    v_gone := seckill_private.drop_partition(p_activity_id);
  end if;
  v_result.quantity := 0;
  if not v_gone then
    v_result.quantity := seckill_private.delete_activity(p_activity_id, p_limit);
  end if;
  if v_result.quantity = 0 then
    v_result.status := 'dropped';
  end if;
  v_result.replayed := v_activity.dropped_at is not null and v_result.quantity = 0;
  return v_result;
end
$function$;

comment on function seckill.drop_archived (bigint, integer, text) is
  'Delete an archived activity, which you have exported, a few rows a call: call it until status '
  'is dropped. p_limit: rows a call, 1 to 10000. Its id and the journal stay; every other call '
  'about it raises SK002 or SK008, and cursors of changes that have not yet passed it SK006. '
  'status: dropping, dropped; quantity: rows deleted. Raises SK001, SK002, SK005, SK006 (not '
  'archived); 55P03 when somebody was in the way: call again.';
grant execute on function seckill.drop_archived (bigint, integer, text) to seckill_ops;
