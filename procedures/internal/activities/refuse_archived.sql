-- An archived activity stands still, so that its export is whole. Who still moves something in one
-- that is closed (a refund, a payment that came too late) holds this lock until the commit, and
-- archiving waits for it.
-- Locks: the activity's row, for key share: only archive_activity minds.
-- Raises: SK008, as later, when the reservations are gone.
create or replace function seckill_private.refuse_archived (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_archived_at timestamptz;
begin
  select a.archived_at into strict v_archived_at
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     for key share;
  if v_archived_at is not null then
    perform seckill_private.raise_error(
      'SK008', format('activity %s was archived at %s', p_activity_id,
                      v_archived_at at time zone 'UTC'));
  end if;
end
$function$;

comment on function seckill_private.refuse_archived (bigint) is
  'Refuse to change anything in an archived activity, and keep it from being archived meanwhile.';
