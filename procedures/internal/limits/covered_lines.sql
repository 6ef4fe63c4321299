-- Apart from covered_units, so that the planner can put that one into its caller.
create or replace function seckill_private.covered_lines (
  p_pool_ids bigint[],
  p_quantities integer[],
  p_restored integer[],
  p_only bigint[]
)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select coalesce(sum(u.quantity - coalesce(u.restored, 0)), 0)::bigint
    from unnest(p_pool_ids, p_quantities, p_restored) as u (pool_id, quantity, restored)
   where p_only is null or u.pool_id = any (p_only);
end;

comment on function seckill_private.covered_lines (bigint[], integer[], integer[], bigint[]) is
  'The same as covered_units, for any number of lines.';
