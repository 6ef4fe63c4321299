-- Raises: SK002.
create or replace function seckill_private.usage_checks_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_digests bytea[]
)
  returns setof seckill.check_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sale seckill_private.sale := seckill_private.load_sale(p_activity_id);
  v_now timestamptz := seckill_private.now_at(p_now, null, p_activity_id, p_user_id);
begin
  return query
    select s.*
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, null, null, v_now, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
end
$function$;

comment on function seckill_private.usage_checks_at (timestamptz, bigint, text, bytea[]) is
  'What is used of each limit at a given instant (null: the clock); the body of '
  'seckill.limit_usage.';
