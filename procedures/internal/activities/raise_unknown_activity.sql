-- Raises: SK002.
create or replace function seckill_private.raise_unknown_activity (
  p_activity_id bigint,
  p_archived_at timestamptz
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.raise_error(
    'SK002', 'activity ' || p_activity_id
             || coalesce(' was archived at ' || (p_archived_at at time zone 'UTC'), ''));
end
$function$;

comment on function seckill_private.raise_unknown_activity (bigint, timestamptz) is
  'Refuse an activity that there is not; p_archived_at: that there was, and when it was archived.';
