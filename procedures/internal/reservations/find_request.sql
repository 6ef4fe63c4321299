-- Raises: SK004 when the request id stands for another region or other lines.
create or replace function seckill_private.find_request (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation :=
    seckill_private.request_row(p_activity_id, p_user_id, p_request_id);
begin
  if v_row.reservation_id is not null
     and not seckill_private.same_request(v_row, p_user_id, p_region, p_skus, p_quantities) then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.find_request (bigint, text, uuid, text, text[], integer[]) is
  'The reservation that a request of these lines led to; a row of nulls where there is none.';
