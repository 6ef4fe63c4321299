-- What a purchase of one sku starts from, in one look: the sale, the pool, its counters, and
-- whether the buyer is known, that is, has any reservation in the activity. Who is not has used
-- nothing of the limits that count it, has seen nothing, and has asked for nothing before. Another
-- user's of the same key and shard counts too: his request ids conflict (request_row).
-- Most pools have one row; those of several have them added up in a second statement, which sees
-- the same snapshot.
-- Called under the user's lock, in a statement of its own.
create or replace function seckill_private.look_at_line (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_region text
)
  returns seckill_private.line_look
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_look seckill_private.line_look;
begin
  select a.state, a.starts_at, a.ends_at, a.hold_seconds, a.max_waiting,
         case when l.global_limits = 0 then a.newcomer_units else 0 end, l.revision, p.pool_id,
         p.slot_rows, s.available, s.held, s.epoch, s.next_expiry, s.next_release, s.seen_at,
         exists (
           select from seckill_private.reservation as r
            where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
              and r.shard = seckill_private.shard(p_user_id))
    into v_look
    from seckill_private.activity as a
    join seckill_private.pool as p
      on p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region
    join seckill_private.pool_slot as s
      on s.pool_id = p.pool_id
     and s.slot = 0
    join seckill_private.limits_revision as l
      on l.only_row
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  if v_look.slot_rows > 1 then
    select sum(s.available), sum(s.held), sum(s.epoch), min(s.next_expiry), min(s.next_release),
           max(s.seen_at)
      into v_look.available, v_look.held, v_look.epoch, v_look.next_expiry, v_look.next_release,
           v_look.seen_at
      from seckill_private.pool_slot as s
     where s.pool_id = v_look.pool_id;
  end if;
  return v_look;
end
$function$;

comment on function seckill_private.look_at_line (bigint, text, text, text) is
  'A sale, the pool of one sku in it, and whether the buyer has reservations there; a row of nulls '
  'where there is no such pool.';
