-- {"phone": "…", …} as salted digests, one for each dimension.
-- Raises: SK001 when it is not an object of texts, has more than 8 keys, or the key "user".
create or replace function seckill_private.subject_digests (
  p_subjects jsonb
)
  returns bytea[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := seckill_private.fault_in_subjects(p_subjects);
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
  return (
    select array_agg(seckill_private.subject_digest(s.salt, e.key, e.value))
      from jsonb_each_text(p_subjects) as e
     cross join seckill_private.secret as s);
end
$function$;

comment on function seckill_private.subject_digests (jsonb) is
  'Salted digests of the subjects of a request, one for each dimension; null where it has none.';
