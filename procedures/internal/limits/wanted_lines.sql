-- Apart from wanted, so that the planner can put that one into its caller.
create or replace function seckill_private.wanted_lines (
  p_limit seckill_private.limit_version,
  p_skus text[],
  p_quantities integer[]
)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select case
           when (p_limit).metric = 'units' then coalesce(sum(l.quantity), 0)::bigint
           else least(count(*), 1)
         end
    from unnest(p_skus, p_quantities) as l (sku, quantity)
   where (p_limit).sku is null
      or l.sku = (p_limit).sku;
end;

comment on function seckill_private.wanted_lines (
  seckill_private.limit_version, text[], integer[]) is
  'The same as wanted, for any number of lines.';
