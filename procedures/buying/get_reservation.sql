-- Another user's reservation answers like one that does not exist.
create or replace function seckill.get_reservation (
  p_user_id text,
  p_reservation_id bigint
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_row seckill_private.reservation;
  v_result seckill.reservation_result;
begin
  perform seckill_private.require_text('p_user_id', p_user_id);
  if p_reservation_id is null then
    perform seckill_private.raise_error('SK001', 'p_reservation_id must not be null');
  end if;
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(
           seckill_private.activity_of(p_reservation_id), p_user_id)
     and r.reservation_id = p_reservation_id
     and r.user_id = p_user_id;
  if found then
    v_result := seckill_private.read_reservation(v_row);
  end if;
  if v_result.region is null then
    perform seckill_private.raise_error('SK008', 'reservation ' || p_reservation_id);
  end if;
  return v_result;
end
$function$;

comment on function seckill.get_reservation (text, bigint) is
  'A reservation of this user, as it is now. Raises SK001; SK008 where there is none, also where '
  'it is another user''s.';
grant execute on function seckill.get_reservation (text, bigint) to seckill_app;
