-- Errors: SK004 where the request id stands for another region or other lines.
create or replace function seckill_private.answer_again (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation :=
    seckill_private.request_row(p_activity_id, p_user_id, p_request_id);
begin
  if v_row.reservation_id is null then
    return null;
  elsif not seckill_private.same_request(v_row, p_user_id, p_region, p_skus, p_quantities) then
    return seckill_private.request_error('SK004');
  end if;
  return seckill_private.replay(
    v_row, seckill_private.now_at(p_now, v_row.pool_ids, p_activity_id, p_user_id));
end
$function$;

comment on function seckill_private.answer_again (
  timestamptz, bigint, text, uuid, text, text[], integer[]) is
  'The answer to a request id that the buyer has used before; a row of nulls where he has not.';
