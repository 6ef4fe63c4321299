-- Locks: the user, then the reservation's row.
-- Raises: SK001, SK005; SK008 also for a reservation of another user, which looks the same, and in
-- an archived activity, where none is held any more.
create or replace function seckill_private.lock_reservation (
  p_user_id text,
  p_reservation_id bigint
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_user_id', p_user_id);
  if p_reservation_id is null then
    perform seckill_private.raise_error('SK001', 'p_reservation_id must not be null');
  end if;
  perform seckill_private.lock_subject('user', p_user_id);
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(
           seckill_private.activity_of(p_reservation_id), p_user_id)
     and r.reservation_id = p_reservation_id
     and r.user_id = p_user_id
     for update;
  if not found or v_row.state <> 'held' and exists (
    select from seckill_private.activity as a
     where a.activity_id = seckill_private.activity_of(p_reservation_id)
       and a.archived_at is not null
  ) then
    perform seckill_private.raise_error('SK008', 'reservation ' || p_reservation_id);
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.lock_reservation (text, bigint) is
  'Lock a reservation of this user, and the user, for a call that may resolve it.';
