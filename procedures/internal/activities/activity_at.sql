-- The row has what stands now; what stood before is in the journal of the ops calls.
create or replace function seckill_private.activity_at (
  p_activity seckill_private.activity,
  p_at timestamptz
)
  returns seckill_private.activity
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity := p_activity;
  v_entry record;
begin
  v_activity.state := 'draft';
  for v_entry in
    select e.call, e.arguments, e.answer ->> 'status' as state
      from seckill_private.ops_entry as e
     where e.activity_id = p_activity.activity_id
       and e.call in ('create_activity', 'update_activity', 'open_activity', 'pause_activity',
                      'resume_activity', 'close_activity')
       and (e.at <= p_at or e.call = 'create_activity')
     order by e.entry_id
  loop
    if v_entry.call in ('create_activity', 'update_activity') then
      v_activity.starts_at := coalesce(
        (v_entry.arguments ->> 'starts_at')::timestamp at time zone 'UTC', v_activity.starts_at);
      v_activity.ends_at := coalesce(
        (v_entry.arguments ->> 'ends_at')::timestamp at time zone 'UTC', v_activity.ends_at);
    else
      v_activity.state := v_entry.state;
    end if;
  end loop;
  return v_activity;
end
$function$;

comment on function seckill_private.activity_at (seckill_private.activity, timestamptz) is
  'An activity with the state and the window that it had at an instant.';
