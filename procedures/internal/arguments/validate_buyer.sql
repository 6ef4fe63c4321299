-- Raises: SK001.
create or replace function seckill_private.validate_buyer (
  p_activity_id bigint,
  p_user_id text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.require_text('p_user_id', p_user_id);
end
$function$;

comment on function seckill_private.validate_buyer (bigint, text) is
  'Refuse a null activity and a user id that is null, empty or too long.';
