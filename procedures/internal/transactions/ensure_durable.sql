-- What another session wrote can be visible before it is on disk. Who reads it and answers by it
-- ends with a commit record of its own, whose flush takes everything before it along. A minute
-- after the row was decided the WAL writer has long flushed it: a wait for a lock ends after five
-- seconds, though who takes from several slots may wait for one after another. Not so on a
-- synchronous standby that is away for longer; but who waits for it was not answered yet. A standby
-- shows only what is on disk, and can write nothing.
-- Locks: none.
create or replace function seckill_private.ensure_durable (
  p_written_at timestamptz
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_written_at > clock_timestamp() - interval '1 minute' and not pg_is_in_recovery() then
    perform seckill_private.commit_durably();
    perform pg_logical_emit_message(true, '', '');
  end if;
end
$function$;

comment on function seckill_private.ensure_durable (timestamptz) is
  'Make sure that an answer which rests on a row written at this time rests on disk when it is '
  'given.';
