-- Raises: SK001.
create or replace function seckill_private.validate_releases (
  p_release_at timestamptz[],
  p_quantities bigint[]
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_release_at timestamptz;
  v_quantity bigint;
begin
  if p_release_at is null or p_quantities is null or cardinality(p_release_at) > 100
     or cardinality(p_release_at) <> cardinality(p_quantities)
     or array_ndims(p_release_at) > 1 or array_ndims(p_quantities) > 1 then
    perform seckill_private.raise_error(
      'SK001', 'p_release_at and p_quantities must be lists of equal length, 100 at most');
  end if;
  foreach v_release_at in array p_release_at loop
    if v_release_at is null or v_release_at < '1970-01-01 00:00:00+00'
       or v_release_at > '9999-01-01 00:00:00+00' then
      perform seckill_private.raise_error('SK001', 'p_release_at must lie between 1970 and 9999');
    end if;
  end loop;
  foreach v_quantity in array p_quantities loop
    perform seckill_private.require_units('p_quantities', v_quantity);
  end loop;
  if cardinality(p_release_at) <> (select count(distinct r) from unnest(p_release_at) as r) then
    perform seckill_private.raise_error('SK001', 'p_release_at has an instant twice');
  end if;
end
$function$;

comment on function seckill_private.validate_releases (timestamptz[], bigint[]) is
  'Refuse a schedule of releases that makes no sense.';
