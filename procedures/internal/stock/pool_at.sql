-- The ledger up to an instant. Calls that meet at a slot may read the clock in another order than
-- they get it, so a movement counts as done when all before it were (version is their order): the
-- books of any instant add up. Holds and releases that had ended by then and were still to be swept
-- are given back, as every read does.
create or replace function seckill_private.pool_at (
  p_activity_id bigint,
  p_pool_id bigint,
  p_at timestamptz,
  p_closed boolean
)
  returns seckill.availability_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_balance seckill.availability_result;
  v_sum record;
  v_due bigint;
  v_lost bigint;
  v_released bigint;
begin
  with line as (
    select l.*,
           max(l.at) over (partition by l.slot order by l.version nulls first) as done_at
      from seckill_private.ledger_of(p_activity_id) as l
     where l.pool_id = p_pool_id
       and l.source is not null
  ), done as (
    select l.*, r.expires_at <= p_at as ended,
           max(l.version) filter (where l.kind = 'schedule') over () as planned
      from line as l
      left join seckill_private.reservation as r
        on r.buyer_key = seckill_private.buyer_key(p_activity_id, l.user_id)
       and r.reservation_id = l.reservation_id
     where l.done_at <= p_at
  )
  select sum(d.quantity * seckill_private.moved(d.source, d.target, 'available')) as available,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'held')) as held,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'sold')) as sold,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'unreleased')) as unreleased,
         count(*) filter (where d.target = 'available') as epoch,
         coalesce(sum(d.quantity) filter (where d.kind = 'release' and d.version > d.planned), 0)
           as released,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'held'))
           filter (where d.ended) as due,
         (select sum(e.quantity * case e.kind when 'debt' then 1 when 'debt_dropped' then -1 end)
            from seckill_private.movement as e
           where e.activity_id = p_activity_id and e.pool_id = p_pool_id and e.at <= p_at
             and e.source is null)
         - coalesce(sum(d.quantity) filter (where d.kind = 'drain'), 0) as owed
    into v_sum
    from done as d;
  v_due := coalesce(v_sum.due, 0);
  v_lost := case when p_closed then v_due else least(v_due, coalesce(v_sum.owed, 0)) end;
  v_released := greatest(least(coalesce(v_sum.unreleased, 0),
    seckill_private.scheduled_by(p_pool_id, p_at) - v_sum.released), 0);
  v_balance.available := coalesce(v_sum.available, 0) + v_due - v_lost + v_released;
  v_balance.held := coalesce(v_sum.held, 0) - v_due;
  v_balance.sold := coalesce(v_sum.sold, 0);
  v_balance.total := v_balance.available + v_balance.held + v_balance.sold
    + coalesce(v_sum.unreleased, 0) - v_released;
  v_balance.epoch := coalesce(v_sum.epoch, 0);
  return v_balance;
end
$function$;

comment on function seckill_private.pool_at (bigint, bigint, timestamptz, boolean) is
  'The units of a pool at an instant of the past, from the ledger; status is left null.';
