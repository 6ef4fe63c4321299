-- Retry: not_yet while a release is scheduled, may_return while units are held, else final. The
--   answer sold_out can change by itself at the first of both.
-- p_next_release: no release is due before it, and none at all where it is infinity.
-- p_next_expiry: no hold of the pool ends before it. Those of the activity's other pools that do
--   need not be looked through then.
create or replace function seckill_private.stock_returns (
  p_activity_id bigint,
  p_pool_id bigint,
  p_held bigint,
  p_next_release timestamptz,
  p_next_expiry timestamptz,
  p_now timestamptz,
  out retry text,
  out retry_at timestamptz
)
  returns record
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_release_at timestamptz;
begin
  retry := 'final';
  if p_held > 0 then
    retry := 'may_return';
    retry_at := seckill_private.first_expiry(
      p_activity_id, p_pool_id, greatest(p_now, p_next_expiry - interval '1 microsecond'));
  end if;
  if p_next_release < 'infinity' then
    v_release_at := seckill_private.next_release(p_pool_id, p_now);
    if v_release_at is not null then
      retry := 'not_yet';
      retry_at := least(retry_at, v_release_at);
    end if;
  end if;
end
$function$;

comment on function seckill_private.stock_returns (
  bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
  'Whether a pool that has sold out may have units again, and when at the earliest.';
