-- Locks: the activity's row, against everybody who still moves something in it.
create or replace function seckill.archive_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(p_activity_id, false);
  v_limit_name text := seckill_private.limit_that_counts(v_activity, clock_timestamp());
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_result.status := 'archived';
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_activity.archived_at is not null;
  if v_result.replayed then
    return v_result;
  elsif v_activity.state <> 'closed' then
    perform seckill_private.raise_error('SK006', 'the activity is ' || v_activity.state);
  elsif exists (
    select from seckill_private.reservation as r
     where (r.buyer_key >> 40) = p_activity_id and r.state = 'held'
  ) then
    perform seckill_private.raise_error('SK006', 'holds are open, or wait for expire_due');
  elsif v_limit_name is not null then
    perform seckill_private.raise_error(
      'SK006', 'the limit on all activities still counts it: ' || v_limit_name);
  end if;
  perform from seckill_private.activity as a
    where a.activity_id = p_activity_id
      for update;
  update seckill_private.activity as a
     set archived_at = clock_timestamp(),
         last_position = greatest(
           (select max(s.position)
              from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             where p.activity_id = p_activity_id),
           (select max(m.position)
              from seckill_private.movement as m
             where m.activity_id = p_activity_id))
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    'archive_activity', p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.archive_activity (bigint, text) is
  'Bring a closed activity to a standstill, so that it can be exported (export_activity) and '
  'dropped (drop_archived). From then on nothing in it changes: confirm, cancel and refund raise '
  'SK008. Reads go on until it is dropped. status: archived. Raises SK001, SK002, SK005; SK006 '
  'when it is not closed, when holds are open or not yet swept, and while a limit on all '
  'activities may count what was bought in it.';
grant execute on function seckill.archive_activity (bigint, text) to seckill_ops;
