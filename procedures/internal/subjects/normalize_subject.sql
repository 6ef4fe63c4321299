-- Nothing more than this: what a phone number or an address "really" is, the caller knows better.
create or replace function seckill_private.normalize_subject (
  p_value text
)
  returns text
  language sql
  stable
  parallel safe
return lower(btrim(normalize(p_value, NFKC), E' \t\n\r\f\x0b'));

comment on function seckill_private.normalize_subject (text) is
  'A subject''s value as it is compared: NFKC-normalised, trimmed of white space, lower case.';
