-- Those of now that had been made by then, as they were.
create or replace function seckill_private.reservations_then (
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_at timestamptz
)
  returns setof seckill_private.reservation
  language plpgsql
  stable
  rows 10
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return query
    select t.*
      from seckill_private.reservations_of(p_keys, p_user_id, p_activity_id, p_digest) as r
     cross join lateral seckill_private.reservation_at(r, p_at) as t
     where r.created_at <= p_at;
end
$function$;

comment on function seckill_private.reservations_then (
  bigint[], text, bigint, bytea, timestamptz) is
  'The reservations of a subject as they stood at an instant of the past.';
