-- A digest begins with its dimension's tag (subject_digest).
create or replace function seckill_private.digest_of (
  p_digests bytea[],
  p_dimension text
)
  returns bytea
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_tag bytea := seckill_private.dimension_tag(p_dimension);
  v_digest bytea;
begin
  foreach v_digest in array coalesce(p_digests, '{}') loop
    if substr(v_digest, 1, 4) = v_tag then
      return v_digest;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.digest_of (bytea[], text) is
  'The digest of a dimension among those of a request; null where it carries none.';
