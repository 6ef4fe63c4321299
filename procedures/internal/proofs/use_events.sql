-- A purchase adds at created_at; a hold gives back when it ends or is cancelled, and a late
-- payment takes again: then that is what is judged, since the reservation recorded its revision
-- anew. A hold that ended unpaid is one expired hold from its end on; the purchases in between
-- are judged without adding.
create or replace function seckill_private.use_events (
  p_limit seckill_private.limit_version,
  p_row seckill_private.reservation,
  p_units bigint
)
  returns table (at timestamptz, dated timestamptz, delta bigint, judged boolean)
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_late boolean := coalesce(p_row.late_status = 'confirmed', false);
  v_ended boolean := v_late or p_row.state in ('held', 'expired');
begin
  if p_limit.metric = 'expired_holds' then
    if p_units > 0 then
      return query select p_row.created_at, p_row.created_at, 0::bigint, not v_late;
    end if;
    if v_ended then
      return query select p_row.expires_at, p_row.expires_at, 1::bigint, false;
    end if;
    return;
  end if;
  return query
    select p_row.created_at, p_row.created_at, p_units, not v_late;
  if v_ended then
    return query select p_row.expires_at, p_row.created_at, -p_units, false;
  elsif p_row.state = 'cancelled' or p_limit.metric = 'open_holds' then
    return query select p_row.resolved_at, p_row.created_at, -p_units, false;
  end if;
  if v_late and p_limit.metric <> 'open_holds' then
    return query select p_row.resolved_at, p_row.created_at, p_units, true;
  end if;
end
$function$;

comment on function seckill_private.use_events (
  seckill_private.limit_version, seckill_private.reservation, bigint) is
  'What one reservation does to the use of a limit, as events in time.';
