-- The first 4 bytes tell the dimension, so that a reservation's phone can be found again; the other
-- 12 are the value's, salted: among 10^9 subjects two are alike with a chance of 10^-11. A user is
-- taken exactly, everything else as normalize_subject says.
-- Raises: SK001 when the value is null, empty or too long.
create or replace function seckill_private.subject_digest (
  p_salt bytea,
  p_dimension text,
  p_value text
)
  returns bytea
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_value text := case p_dimension
    when 'user' then p_value
    else seckill_private.normalize_subject(p_value)
  end;
begin
  perform seckill_private.require_text('a value of ' || quote_ident(p_dimension), v_value);
  return seckill_private.dimension_tag(p_dimension)
    || substr(sha256(p_salt || convert_to(p_dimension || E'\x1f' || v_value, 'UTF8')), 1, 12);
end
$function$;

comment on function seckill_private.subject_digest (bytea, text, text) is
  'The salted digest of a subject, 16 bytes.';
