-- One probe for each activity, since keys start with it.
create or replace function seckill.list_reservations (
  p_user_id text,
  p_activity_id bigint default null,
  p_limit integer default 100
)
  returns setof seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
begin
  perform seckill_private.require_text('p_user_id', p_user_id);
  perform seckill_private.require_limit(p_limit);
  return query
    select f.*
      from (select r
              from seckill_private.activity as a
              join seckill_private.reservation as r
                on r.buyer_key = seckill_private.buyer_key(a.activity_id, p_user_id)
             where a.dropped_at is null
               and r.user_id = p_user_id
               and (p_activity_id is null or a.activity_id = p_activity_id)
             order by r.created_at desc, r.reservation_id desc
             limit p_limit) as d
     cross join lateral seckill_private.read_reservation(d.r) as f
     where f.region is not null;
end
$function$;

comment on function seckill.list_reservations (text, bigint, integer) is
  'Reservations of a user, newest first: of one activity, or of all (null). p_limit: rows, 1 to '
  '10000. Raises SK001.';
grant execute on function seckill.list_reservations (text, bigint, integer) to seckill_app;
