-- A lower bound: ended holds and due releases are not in it.
create or replace function seckill_private.available_of (
  p_pool_ids bigint[]
)
  returns bigint[]
  language sql
  stable
begin atomic
  select array(
    select (select sum(s.available)::bigint
              from seckill_private.pool_slot as s
             where s.pool_id = p.pool_id)
      from unnest(p_pool_ids) with ordinality as p (pool_id, ordinal)
     order by p.ordinal);
end;

comment on function seckill_private.available_of (bigint[]) is
  'The stored counters of available units of some pools, in their order.';
