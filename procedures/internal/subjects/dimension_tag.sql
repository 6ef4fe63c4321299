-- Not salted: names of dimensions are no secret, and limits are matched by them.
create or replace function seckill_private.dimension_tag (
  p_dimension text
)
  returns bytea
  language sql
  stable
  parallel safe
return substr(sha256(convert_to(p_dimension, 'UTF8')), 1, 4);

comment on function seckill_private.dimension_tag (text) is
  'The 4 bytes with which the digests of a dimension begin.';
