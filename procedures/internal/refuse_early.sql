-- After the first second nearly every call is a refusal. Where one look shows that nothing comes
-- before sold_out (no earlier request of the buyer, no error, the sale is on) and that the counters
-- stand (no hold has ended unswept, no release is due), the rest need not be read. Whatever is not
-- that plain is left to the full decision, which would give the same answer.
-- The limits are found by the argument, not by a's column: a join would read those of all sales.
-- Called under the user's lock.
create or replace function seckill_private.refuse_early (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_pool_id bigint,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_pool record;
  v_balance seckill.availability_result;
  v_now timestamptz;
begin
  select a.state, a.starts_at, a.ends_at, s.*
    into v_pool
    from seckill_private.activity as a
   cross join lateral (
           select sum(s.total)::bigint as total, sum(s.available)::bigint as available,
                  sum(s.held)::bigint as held, sum(s.sold)::bigint as sold,
                  sum(s.epoch)::bigint as epoch, min(s.next_expiry) as next_expiry,
                  min(s.next_release) as next_release, max(s.seen_at) as seen_at
             from seckill_private.pool_slot as s
            where s.pool_id = p_pool_id) as s
   where a.activity_id = p_activity_id
     and a.dropped_at is null
     and s.available < p_quantity
     and not exists (
       select from seckill_private.reservation as r
        where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
          and r.user_id = p_user_id)
     and not exists (
       select from seckill_private.limit_version as l
        where (l.activity_id = p_activity_id or l.activity_id is null)
          and l.until_revision is null
          and l.dimension <> 'user'
          and l.required
          and seckill_private.digest_of(p_digests, l.dimension) is null);
  v_now := greatest(coalesce(p_now, clock_timestamp()), v_pool.seen_at);
  if v_pool.state is null or v_pool.next_expiry <= v_now or v_pool.next_release <= v_now
     or seckill_private.sale_status(v_pool.state, v_pool.starts_at, v_pool.ends_at, v_now)
        <> 'on_sale' then
    return null;
  end if;
  v_balance.total := v_pool.total;
  v_balance.available := v_pool.available;
  v_balance.held := v_pool.held;
  v_balance.sold := v_pool.sold;
  v_balance.epoch := v_pool.epoch;
  v_result := seckill_private.refusal(seckill_private.judge_stock(
    p_activity_id, p_pool_id, p_sku, p_quantity, v_balance, v_now));
  v_result.replayed := false;
  return v_result;
end
$function$;

comment on function seckill_private.refuse_early (
  timestamptz, bigint, text, text, integer, bigint, bytea[]) is
  'The answer sold_out where it is certain at one look, else a row of nulls.';
