-- The parts with a few rows, each in one page. Of the inventory's ledger it is a copy: the original
-- stays.
create or replace function seckill_private.archived_part (
  p_activity_id bigint,
  p_part text
)
  returns setof jsonb
  language sql
  stable
begin atomic
  select to_jsonb(a) from seckill_private.activity as a
   where p_part = 'activity' and a.activity_id = p_activity_id
   union all
  select to_jsonb(p) from seckill_private.pool as p
   where p_part = 'pool' and p.activity_id = p_activity_id
   union all
  select to_jsonb(s)
    from seckill_private.pool as p
    join seckill_private.pool_slot as s on s.pool_id = p.pool_id
   where p_part = 'pool_slot' and p.activity_id = p_activity_id
   union all
  select to_jsonb(l) from seckill_private.limit_version as l
   where p_part = 'limit_version' and l.activity_id = p_activity_id
   union all
  select to_jsonb(d) from seckill_private.list_dimension as d
   where p_part = 'list_dimension' and d.activity_id = p_activity_id
   union all
  select to_jsonb(e) from seckill_private.ops_entry as e
   where p_part = 'ops_entry' and e.activity_id = p_activity_id
   union all
  select to_jsonb(m)
    from seckill_private.pool as p
    join seckill_private.inventory_movement as m on m.sku = p.sku and m.pool_id = p.pool_id
   where p_part = 'inventory_movement' and p.activity_id = p_activity_id;
end;

comment on function seckill_private.archived_part (bigint, text) is
  'The rows of an activity in one of the small tables.';
