-- In order of precedence: the sale, the stock of each line, the lists.
create or replace function seckill_private.gate_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_pool_ids bigint[],
  p_now timestamptz
)
  returns setof seckill_private.check
  language sql
  stable
begin atomic
  select c.*
    from seckill_private.sale_check((p_sale).activity, p_now) as c
   union all
  select c.*
    from unnest(p_skus, p_quantities, p_pool_ids) as l (sku, quantity, pool_id)
   cross join lateral seckill_private.stock_check(
           ((p_sale).activity).activity_id, l.pool_id, l.sku, l.quantity, p_now) as c
   union all
  select c.*
    from seckill_private.list_checks(p_sale, p_user_id, p_digests) as c
   where (p_sale).lists is not null;
end;

comment on function seckill_private.gate_checks (
  seckill_private.sale, text, bytea[], text[], integer[], bigint[], timestamptz) is
  'What comes before the limits: is it on sale, are there units, may these subjects buy?';
