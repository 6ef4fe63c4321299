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
  v_salt bytea;
  v_dimension text;
  v_value jsonb;
  v_digests bytea[];
begin
  if p_subjects is null or jsonb_typeof(p_subjects) <> 'object' then
    perform seckill_private.raise_error('SK001', 'p_subjects must be an object');
  end if;
  select s.salt into strict v_salt from seckill_private.secret as s;
  for v_dimension, v_value in select e.key, e.value from jsonb_each(p_subjects) as e loop
    if cardinality(v_digests) = 8 then
      perform seckill_private.raise_error('SK001', 'p_subjects has more than 8 dimensions');
    elsif v_dimension in ('', 'user') or length(v_dimension) > 200 then
      perform seckill_private.raise_error(
        'SK001', 'a dimension of p_subjects is empty, too long, or "user"');
    elsif jsonb_typeof(v_value) <> 'string' then
      perform seckill_private.raise_error('SK001', 'a value of p_subjects is not a text');
    end if;
    v_digests := v_digests
      || seckill_private.subject_digest(v_salt, v_dimension, v_value #>> '{}');
  end loop;
  return v_digests;
end
$function$;

comment on function seckill_private.subject_digests (jsonb) is
  'Salted digests of the subjects of a request, one for each dimension; null where it has none.';
