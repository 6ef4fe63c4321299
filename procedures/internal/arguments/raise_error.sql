-- The one table of our error codes, and the one of PostgreSQL's that we raise ourselves. Messages
-- are constant, so that logs can be grouped by them; data stand in the detail, and never a
-- subject's raw value.
create or replace function seckill_private.raise_error (
  p_sqlstate text,
  p_detail text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception using
    errcode = p_sqlstate,
    message = case p_sqlstate
      when 'SK001' then 'invalid argument'
      when 'SK002' then 'unknown activity'
      when 'SK003' then 'unknown pool'
      when 'SK004' then 'request id was used for another request'
      when 'SK005' then 'transaction is not READ COMMITTED'
      when 'SK006' then 'not allowed in this state'
      when 'SK007' then 'not enough units'
      when 'SK008' then 'unknown reservation'
      when '55P03' then 'could not obtain lock'
    end,
    detail = p_detail;
end
$function$;

comment on function seckill_private.raise_error (text, text) is
  'Raise one of the errors SK001 to SK008, or 55P03, with its constant message.';
