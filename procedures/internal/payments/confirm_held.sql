-- The payments that came in time, all at once: a slot that is updated once for each of five hundred
-- takes thirty times as long.
-- Locks: none that lock_reservations has not taken.
create or replace function seckill_private.confirm_held (
  p_now timestamptz,
  p_rows seckill_private.reservation[],
  p_payment_refs text[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_keys bigint[] := array(select r.buyer_key from unnest(p_rows) as r);
  v_ids bigint[] := array(select r.reservation_id from unnest(p_rows) as r);
  v_lines seckill_private.unit_line[];
begin
  with paid as (
    update seckill_private.reservation as r
       set state = 'confirmed',
           resolved_at = p_now,
           payment_ref = p_payment_refs[array_position(v_ids, r.reservation_id)]
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (v_ids)
       and r.state = 'held'
    returning r.*
  )
  select array_agg(l) into v_lines
    from paid as p
   cross join lateral unnest(seckill_private.unit_lines(p)) as l;
  perform seckill_private.post_movements(p_now, 'confirm', 'held', 'sold', v_lines);
end
$function$;

comment on function seckill_private.confirm_held (
  timestamptz, seckill_private.reservation[], text[]) is
  'Confirm locked holds that have not ended, each with its payment.';
