-- Raises: SK001.
create or replace function seckill_private.require_slots (
  p_slots integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_slots is null or p_slots not between 1 and 64 then
    perform seckill_private.raise_error('SK001', 'p_slots must be 1 to 64');
  end if;
end
$function$;

comment on function seckill_private.require_slots (integer) is
  'Raise SK001 unless a pool may have so many slots.';
