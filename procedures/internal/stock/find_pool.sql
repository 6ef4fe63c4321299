-- Raises: SK003.
create or replace function seckill_private.find_pool (
  p_activity_id bigint,
  p_sku text,
  p_region text
)
  returns bigint
  language sql
  stable
return (seckill_private.find_pools(p_activity_id, array[p_sku], p_region))[1];

comment on function seckill_private.find_pool (bigint, text, text) is
  'The pool of (activity, sku, region).';
