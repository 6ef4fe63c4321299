-- After the first second nearly every call is a refusal. Where the first look shows that nothing
-- comes before sold_out (no earlier request of the buyer, no error, the sale is on) and that the
-- counters stand (no hold has ended unswept, no release is due), the rest need not be read. What is
-- not that plain is left to the full decision, which would give the same answer.
create or replace function seckill_private.refuse_early (
  p_now timestamptz,
  p_activity_id bigint,
  p_sku text,
  p_quantity integer,
  p_digests bytea[],
  p_look seckill_private.line_look
)
  returns seckill.reserve_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_balance seckill.availability_result;
  v_now timestamptz := greatest(coalesce(p_now, clock_timestamp()), p_look.seen_at);
begin
  if p_look.is_known
     or p_look.next_expiry <= v_now or p_look.next_release <= v_now
     or seckill_private.sale_status(p_look.state, p_look.starts_at, p_look.ends_at, v_now)
        <> 'on_sale'
     or exists (
       select from seckill_private.limit_version as l
        where (l.activity_id = p_activity_id or l.activity_id is null)
          and l.until_revision is null
          and l.dimension <> 'user'
          and l.required
          and seckill_private.digest_of(p_digests, l.dimension) is null) then
    return null;
  end if;
  v_balance.total := p_look.total;
  v_balance.available := p_look.available;
  v_balance.held := p_look.held;
  v_balance.sold := p_look.sold;
  v_balance.epoch := p_look.epoch;
  v_result := seckill_private.refusal(seckill_private.judge_stock(
    p_activity_id, p_look.pool_id, p_sku, p_quantity, v_balance, p_look.next_release,
    p_look.next_expiry, v_now));
  v_result.replayed := false;
  return v_result;
end
$function$;

comment on function seckill_private.refuse_early (
  timestamptz, bigint, text, integer, bytea[], seckill_private.line_look) is
  'The answer sold_out where it is certain at one look, else a row of nulls.';
