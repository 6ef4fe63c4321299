-- Null stands for every pool: a limit without a sku covers them all.
create or replace function seckill_private.pools_of_sku (
  p_sku text,
  p_activity_id bigint
)
  returns bigint[]
  language sql
  stable
begin atomic
  select case
           when p_sku is not null then array(
             select p.pool_id
               from seckill_private.pool as p
              where p.sku = p_sku
                and (p_activity_id is null or p.activity_id = p_activity_id))
         end;
end;

comment on function seckill_private.pools_of_sku (text, bigint) is
  'The pools of a sku in one activity or in all (null); null for a null sku.';
