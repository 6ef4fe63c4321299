-- Precedence, locks, refusals: reserve_one, of which this is the form that raises.
-- Raises: SK001 (a limit's dimension is missing), SK002, SK003, SK004.
create or replace function seckill_private.reserve_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result := seckill_private.reserve_one(
    p_now, p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region, p_digests,
    false);
begin
  if v_result.status = 'error' then
    perform seckill_private.raise_request_error(
      v_result.error_code, p_activity_id, p_skus, p_request_id, p_region, p_digests);
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.reserve_at (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[]) is
  'The body of seckill.reserve and seckill.reserve_lines, at a given instant (null: the clock).';
