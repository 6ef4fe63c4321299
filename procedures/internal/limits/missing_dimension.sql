-- Does not raise the error itself: its signature, with the name of a table, would stand in the
-- error's context.
create or replace function seckill_private.missing_dimension (
  p_limits seckill_private.limit_version[],
  p_skus text[],
  p_digests bytea[]
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limit seckill_private.limit_version;
begin
  foreach v_limit in array coalesce(p_limits, '{}') loop
    if v_limit.dimension <> 'user' and v_limit.required
       and (v_limit.sku is null or v_limit.sku = any (p_skus))
       and seckill_private.digest_of(p_digests, v_limit.dimension) is null then
      return v_limit.dimension;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.missing_dimension (
  seckill_private.limit_version[], text[], bytea[]) is
  'A dimension that a limit on some lines requires and that a request does not name, or null.';
