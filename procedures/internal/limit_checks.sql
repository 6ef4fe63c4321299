-- One check for each limit that covers a line and whose subject the request names, by name
-- (load_sale sorts them). A limit on units counts the order's lines together. Without lines
-- (null): what the limits say of one more of anything. p_window_at, p_except: a late payment
-- counts in the windows of its purchase, is not its own competitor, and is asked for units and
-- orders only: limits against hoarding want holds to be paid.
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
  v_wanted bigint;
  v_digest bytea;
begin
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_wanted := seckill_private.wanted(v_limit, p_skus, p_quantities);
    v_digest := case
      when v_limit.dimension <> 'user'
        then seckill_private.digest_of(p_digests, v_limit.dimension)
    end;
    if v_wanted > 0 and (v_limit.dimension = 'user' or v_digest is not null)
       and (p_except is null or v_limit.metric in ('units', 'orders')) then
      return next seckill_private.limit_check(
        v_limit, p_sale.activity, p_user_id, v_digest, v_wanted, p_now, p_window_at, p_except);
    end if;
  end loop;
end
$function$;

comment on function seckill_private.limit_checks (
  seckill_private.sale, text, bytea[], text[], integer[], timestamptz, timestamptz, bigint) is
  'What the limits of an activity say of a purchase, a row for each that covers it.';
