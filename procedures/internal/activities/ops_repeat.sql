-- The answer is kept as jsonb: a column of the result's type would keep that type from growing.
create or replace function seckill_private.ops_repeat (
  p_answer jsonb
)
  returns seckill.ops_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result := jsonb_populate_record(null::seckill.ops_result, p_answer);
begin
  v_result.replayed := true;
  return v_result;
end
$function$;

comment on function seckill_private.ops_repeat (jsonb) is
  'A journalled answer, marked as replayed.';
