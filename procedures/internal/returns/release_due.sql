-- Called with the pools' slots locked, so that a release is moved once. Releases up to p_until are
-- made: usually p_now, infinity where none is to stay.
create or replace function seckill_private.release_due (
  p_now timestamptz,
  p_until timestamptz,
  p_pool_ids bigint[],
  p_actor text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  with released as (
    delete from seckill_private.stock_release as r
     where r.pool_id = any (p_pool_ids)
       and r.release_at <= p_until
    returning r.pool_id, r.quantity
  ), pool as (
    select r.pool_id, sum(r.quantity)::bigint as units
      from released as r
     group by r.pool_id
  )
  select array_agg(row(p.pool_id, 0, p.units, null, null)::seckill_private.unit_line)
    into v_lines
    from pool as p;
  if v_lines is null then
    return;
  end if;
  perform seckill_private.post_movements(
    p_now, 'release', 'unreleased', 'available', v_lines, p_actor);
  update seckill_private.pool_slot as s
     set next_release = coalesce(
           seckill_private.next_release(s.pool_id, '-infinity'), 'infinity')
   where s.pool_id in (select l.pool_id from unnest(v_lines) as l)
     and s.slot = 0;
  perform seckill_private.level_slots(p_now, l.pool_id) from unnest(v_lines) as l;
end
$function$;

comment on function seckill_private.release_due (timestamptz, timestamptz, bigint[], text) is
  'Move the releases of some pools up to an instant to what is available.';
