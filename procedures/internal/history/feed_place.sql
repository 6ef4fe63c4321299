-- The reverse of feed_cursor; null is the place before everything.
-- A cursor that is older than the last drop of an archived activity, and stands before a row that
-- was dropped then, would pass over rows in silence. One that was begun anew since is fine.
-- Takes the feed's fields and not its row: its signature stands in an error's context.
-- Raises: SK001 when it is no cursor of this history; SK006 when rows after it were dropped.
create or replace function seckill_private.feed_place (
  p_generation text,
  p_drops integer,
  p_dropped_position bigint,
  p_cursor text
)
  returns seckill_private.feed_place
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_place seckill_private.feed_place;
  v_parts text[];
begin
  if p_cursor is null then
    return row(0, 0, 0, 0, 0)::seckill_private.feed_place;
  end if;
  v_parts := regexp_match(
    p_cursor,
    '^([0-9a-f]{8})\.(\d{1,9})\.(\d{1,18})\.(\d{1,18})\.(\d{1,4})\.(e|\d{1,18})\.(\d{1,18})$');
  if v_parts is null then
    perform seckill_private.raise_error('SK001', 'p_after is no cursor of this feed');
  elsif v_parts[1] <> p_generation then
    perform seckill_private.raise_error(
      'SK001', 'p_after is a cursor from before a restore, or of another database: begin anew');
  end if;
  v_place.position := v_parts[3];
  v_place.pool_id := v_parts[4];
  v_place.slot := v_parts[5];
  v_place.version := case v_parts[6] when 'e' then '9223372036854775807' else v_parts[6] end;
  v_place.event_id := v_parts[7];
  if v_parts[2]::integer < p_drops and v_place.position < p_dropped_position then
    perform seckill_private.raise_error(
      'SK006', 'rows after p_after were dropped with an archived activity: take them from its '
      'archive, and begin anew');
  end if;
  return v_place;
end
$function$;

comment on function seckill_private.feed_place (text, integer, bigint, text) is
  'The place in the feed that a cursor stands for.';
