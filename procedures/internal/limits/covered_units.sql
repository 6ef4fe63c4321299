-- Nearly every reservation has one line, which needs no loop over a set.
create or replace function seckill_private.covered_units (
  p_pool_ids bigint[],
  p_quantities integer[],
  p_restored integer[],
  p_only bigint[]
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when cardinality(p_pool_ids) > 1
    then seckill_private.covered_lines(p_pool_ids, p_quantities, p_restored, p_only)
  when p_only is null or p_pool_ids[1] = any (p_only)
    then p_quantities[1] - coalesce(p_restored[1], 0)
  else 0
end;

comment on function seckill_private.covered_units (bigint[], integer[], integer[], bigint[]) is
  'Units of a reservation in some pools (null: in all) that count for limits.';
