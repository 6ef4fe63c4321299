-- Ops calls about one activity go one after another. Buyers never lock its row.
-- Locks: the activity's row, before any slot.
-- Raises: SK001, SK005; SK002, also when it was dropped and not p_dropped_too; SK006 when it is
--   closed and p_open_only.
create or replace function seckill_private.lock_activity (
  p_activity_id bigint,
  p_open_only boolean default true,
  p_dropped_too boolean default false
)
  returns seckill_private.activity
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity;
begin
  perform seckill_private.begin_write();
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  select a.* into v_activity
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     for no key update;
  if not found or v_activity.dropped_at is not null and not p_dropped_too then
    perform seckill_private.raise_unknown_activity(p_activity_id, v_activity.archived_at);
  elsif p_open_only and v_activity.state = 'closed' then
    perform seckill_private.raise_error('SK006', 'the activity is closed');
  end if;
  return v_activity;
end
$function$;

comment on function seckill_private.lock_activity (bigint, boolean, boolean) is
  'Lock an activity for an ops call.';
