-- 200 characters are the most that any text of a caller may have.
create or replace function seckill_private.fault_in_text (
  p_name text,
  p_value text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when coalesce(p_value, '') = '' then p_name || ' must not be empty'
  when length(p_value) > 200 then p_name || ' is longer than 200 characters'
end;

comment on function seckill_private.fault_in_text (text, text) is
  'What is wrong with a text that has to be given, or null.';
