-- For the caller whose connection broke before the answer came: a call of this user that is still
-- being decided is waited for.
-- Locks: the user.
create or replace function seckill.find_reservation (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_row seckill_private.reservation;
  v_result seckill.reservation_result;
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.lock_subject('user', p_user_id);
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
     and r.user_id = p_user_id
     and seckill_private.activity_of(r.reservation_id) = p_activity_id;
  if found then
    v_result := seckill_private.read_reservation(v_row);
  end if;
  if v_result.region is null then
    -- An older snapshot does not show what the lock has waited for: it is no proof of anything.
    perform seckill_private.begin_write();
    perform seckill_private.raise_error('SK008', 'request ' || p_request_id);
  end if;
  return v_result;
end
$function$;

comment on function seckill.find_reservation (bigint, text, uuid) is
  'The reservation that a request id of this user led to: how a caller who got no answer learns '
  'it. A call that is being decided is waited for; one that has not reached the server yet is not, '
  'so SK008 is no proof that it never will: repeat the reserve to be sure. Raises SK001; SK008 '
  'where there is none; SK005 where it finds none and the transaction is not READ COMMITTED; 55P03 '
  'after five seconds of waiting.';
grant execute on function seckill.find_reservation (bigint, text, uuid) to seckill_app;
