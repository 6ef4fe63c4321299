-- In the first second nearly every call comes from a user who has nothing in the sale yet, and
-- after it nearly every one is refused. Both are answered from the first look, where it shows that
-- nothing comes before sold_out or held: no earlier request, no error, the sale is on, no limit or
-- list has to be read (newcomer_units), and the counters stand (no hold has ended unswept, no
-- release is due). What is not that plain is left to the full decision, which would give the same
-- answer.
-- Who names other subjects goes the full way: they have to be locked before a purchase.
-- Locks: the pool's slot.
create or replace function seckill_private.answer_newcomer (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_digests bytea[],
  p_look seckill_private.line_look
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_hold record;
  v_returns record;
  v_now timestamptz := greatest(coalesce(p_now, clock_timestamp()), p_look.seen_at);
  v_lasts interval := make_interval(secs => p_look.hold_seconds);
begin
  if p_look.is_known is not false or not seckill_private.is_on_sale(
       p_look.state, p_look.starts_at, p_look.ends_at, v_now) then
    return null;
  elsif p_look.available >= p_quantity then
    if p_quantity <= p_look.newcomer_units and p_digests is null and p_look.slot_rows = 1
       and p_look.max_waiting is null then
      v_hold := seckill_private.hold_units(v_now, p_look.pool_id, p_quantity, v_now + v_lasts);
      if v_hold.version is not null then
        v_result := seckill_private.write_hold(
          v_now, p_activity_id, p_user_id, p_request_id,
          greatest(v_now, coalesce(p_now, clock_timestamp())) + v_lasts, p_look.limits_revision,
          array[p_look.pool_id], array[p_quantity],
          row(array[0], array[v_hold.version], v_hold.feed_position)::seckill_private.taken, null);
      end if;
    end if;
    return v_result;
  elsif p_look.next_expiry <= v_now or p_look.next_release <= v_now then
    return null;
  elsif p_look.newcomer_units = 0 then
    if exists (
         select from seckill_private.limit_version as l
          where (l.activity_id = p_activity_id or l.activity_id is null)
            and l.until_revision is null
            and l.dimension <> 'user'
            and l.required
            and seckill_private.digest_of(p_digests, l.dimension) is null) then
      return null;
    end if;
  end if;
  v_returns := seckill_private.stock_returns(
    p_activity_id, p_look.pool_id, p_look.held, p_look.next_release, p_look.next_expiry, v_now);
  v_result.status := 'sold_out';
  v_result.sku := p_sku;
  v_result.remaining := p_look.available;
  v_result.epoch := p_look.epoch;
  v_result.retry := v_returns.retry;
  v_result.retry_at := v_returns.retry_at;
  -- Null where the release that the look saw has come, or was taken back, since then.
  return case
    when v_returns.retry = 'not_yet' or p_look.next_release = 'infinity' then v_result
  end;
end
$function$;

comment on function seckill_private.answer_newcomer (
  timestamptz, bigint, text, text, integer, uuid, bytea[], seckill_private.line_look) is
  'The answer to a user without reservations where it is certain at one look, sold_out or held, '
  'else a row of nulls.';
