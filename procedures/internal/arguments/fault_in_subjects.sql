-- An object of texts, 8 at most, none of them the user, who has an argument of his own.
create or replace function seckill_private.fault_in_subjects (
  p_subjects jsonb
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_dimension text;
  v_value jsonb;
  v_fault text;
begin
  if p_subjects is null or jsonb_typeof(p_subjects) <> 'object' then
    return 'p_subjects must be an object';
  elsif (select count(*) from jsonb_object_keys(p_subjects)) > 8 then
    return 'p_subjects has more than 8 dimensions';
  end if;
  for v_dimension, v_value in select e.key, e.value from jsonb_each(p_subjects) as e loop
    if v_dimension in ('', 'user') or length(v_dimension) > 200 then
      return 'a dimension of p_subjects is empty, too long, or "user"';
    elsif jsonb_typeof(v_value) <> 'string' then
      return 'a value of p_subjects is not a text';
    end if;
    v_fault := seckill_private.fault_in_text(
      'a value of ' || quote_ident(v_dimension),
      seckill_private.normalize_subject(v_value #>> '{}'));
    if v_fault is not null then
      return v_fault;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.fault_in_subjects (jsonb) is
  'What is wrong with the subjects of a request, or null.';
