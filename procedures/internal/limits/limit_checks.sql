-- One check for each limit that covers the order, by name (find_sale sorts them).
create or replace function seckill_private.limit_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint default null
)
  returns setof seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limit seckill_private.limit_version;
  v_check seckill_private.check;
begin
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_check := seckill_private.limit_check(
      v_limit, p_sale.activity, p_user_id, p_digests, p_skus, p_quantities, p_now, p_window_at,
      p_except);
    if v_check.check_name is not null then
      return next v_check;
    end if;
  end loop;
end
$function$;

comment on function seckill_private.limit_checks (
  seckill_private.sale, text, bytea[], text[], integer[], timestamptz, timestamptz, bigint) is
  'What the limits of an activity say of a purchase, a row for each that covers it (limit_check).';
