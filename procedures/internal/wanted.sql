-- Orders and holds count one, however many units they have.
create or replace function seckill_private.wanted (
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
           when p_skus is null then 1
           when (p_limit).metric = 'units' then coalesce(sum(l.quantity), 0)::bigint
           else least(count(*), 1)
         end
    from unnest(p_skus, p_quantities) as l (sku, quantity)
   where (p_limit).sku is null
      or l.sku = (p_limit).sku;
end;

comment on function seckill_private.wanted (
  seckill_private.limit_version, text[], integer[]) is
  'What an order would add to a limit''s metric: units of the covered lines, else 1; 0 where none '
  'is covered. 1 without lines (null).';
