-- Orders and holds count one, however many units they have. Nearly every order has one line, which
-- needs no loop over a set.
create or replace function seckill_private.wanted (
  p_limit seckill_private.limit_version,
  p_skus text[],
  p_quantities integer[]
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when p_skus is null then 1
  when cardinality(p_skus) > 1 then seckill_private.wanted_lines(p_limit, p_skus, p_quantities)
  when (p_limit).sku <> p_skus[1] then 0
  when (p_limit).metric = 'units' then p_quantities[1]
  else 1
end;

comment on function seckill_private.wanted (
  seckill_private.limit_version, text[], integer[]) is
  'What an order would add to a limit''s metric: units of the covered lines, else 1; 0 where none '
  'is covered. 1 without lines (null).';
