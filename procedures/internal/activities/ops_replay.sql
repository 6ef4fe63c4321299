-- Request ids of ops calls are unique across all of them. The lock makes two calls with one id take
-- turns, so the second finds what the first wrote.
-- Locks: the request id (advisory), before anything else.
-- Raises: SK004 when the id stands for another call, or for other arguments.
create or replace function seckill_private.ops_replay (
  p_call text,
  p_request_id uuid,
  p_arguments jsonb
)
  returns jsonb
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_entry seckill_private.ops_entry;
begin
  if p_request_id is null then
    return null;
  end if;
  perform seckill_private.lock_subject('ops request', p_request_id::text);
  select e.* into v_entry
    from seckill_private.ops_entry as e
   where e.request_id = p_request_id;
  if not found then
    return null;
  elsif v_entry.call <> p_call or v_entry.arguments <> p_arguments then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  perform seckill_private.ensure_durable(clock_timestamp());
  return v_entry.answer;
end
$function$;

comment on function seckill_private.ops_replay (text, uuid, jsonb) is
  'The answer that an ops call with this request id was given before, or null.';
