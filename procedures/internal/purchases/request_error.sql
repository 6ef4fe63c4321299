-- As reserve_batch shows it. A single call raises the error instead (raise_request_error).
create or replace function seckill_private.request_error (
  p_sqlstate text
)
  returns seckill.reserve_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := 'error';
  v_result.error_code := p_sqlstate;
  return v_result;
end
$function$;

comment on function seckill_private.request_error (text) is
  'An error of the caller as the answer to his request.';
