-- The first check that fails, in order of precedence, or one without answer: then every check has
-- passed, and seen_at is the latest instant at which something was done for the request's subjects.
-- Checks are made one after another, so a refusal costs only what came before it; of the limits all
-- are made. Stock is looked at closely only where the counters were too low (p_is_short): they are
-- a lower bound, and else every purchase would add up all holds that have ended while a sweep is
-- behind. p_is_known: the user may have reservations in the activity (look_at_line). Who has none
-- has used nothing of a limit that counts those alone.
create or replace function seckill_private.decide (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_pool_ids bigint[],
  p_is_short boolean,
  p_is_known boolean,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_limit seckill_private.limit_version;
  v_limit_check seckill_private.check;
  v_seen_at timestamptz;
begin
  if p_is_short or p_sale.lists is not null then
    select c.* into v_check
      from seckill_private.gate_checks(
             p_sale, p_user_id, p_digests, case when p_is_short then p_skus end,
             case when p_is_short then p_quantities end, case when p_is_short then p_pool_ids end,
             p_now) as c
     where c.answer is not null
     limit 1;
  elsif not seckill_private.is_on_sale(
          (p_sale.activity).state, (p_sale.activity).starts_at, (p_sale.activity).ends_at, p_now)
  then
    v_check := seckill_private.sale_check(p_sale.activity, p_now);
  end if;
  if v_check.answer is not null or p_sale.limits is null then
    return v_check;
  end if;
  foreach v_limit in array p_sale.limits loop
    continue when not p_is_known
      and v_limit.dimension = 'user' and not seckill_private.crosses_activities(v_limit)
      and seckill_private.wanted(v_limit, p_skus, p_quantities) <= v_limit.maximum;
    v_limit_check := seckill_private.limit_check(
      v_limit, p_sale.activity, p_user_id, p_digests, p_skus, p_quantities, p_now, p_now, null);
    v_seen_at := greatest(v_seen_at, v_limit_check.seen_at);
    if v_check.answer is null then
      v_check := v_limit_check;
    end if;
  end loop;
  v_check.seen_at := v_seen_at;
  return v_check;
end
$function$;

comment on function seckill_private.decide (
  seckill_private.sale, text, bytea[], text[], integer[], bigint[], boolean,
  boolean, timestamptz) is
  'The first check of a purchase that fails; its answer is null where all pass.';
