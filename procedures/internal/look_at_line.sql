-- What a purchase of one sku starts from, in one look: the sale, the pool, the counters of its slots
-- together and how many there are, and whether the buyer is known, that is, has any reservation in
-- the activity. Who is not has used nothing of the limits that count it, has seen nothing, and has
-- asked for nothing before.
-- lacks_subject is looked at only where the counters are too low: refuse_early alone asks. The
-- limits are found by the argument, not by a's column: a join would read those of all sales.
-- Called under the user's lock, in a statement of its own.
create or replace function seckill_private.look_at_line (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_region text,
  p_digests bytea[]
)
  returns seckill_private.line_look
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_look seckill_private.line_look;
begin
  select a.state, a.starts_at, a.ends_at, p.pool_id, s.balance, s.next_expiry, s.next_release,
         s.seen_at,
         exists (
           select from seckill_private.reservation as r
            where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
              and r.user_id = p_user_id),
         (s.balance).available < p_quantity and exists (
           select from seckill_private.limit_version as l
            where (l.activity_id = p_activity_id or l.activity_id is null)
              and l.until_revision is null
              and l.dimension <> 'user'
              and l.required
              and seckill_private.digest_of(p_digests, l.dimension) is null),
         s.slots
    into v_look
    from seckill_private.activity as a
    join seckill_private.pool as p
      on p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region
   cross join lateral (
           select row(null, sum(s.total), sum(s.available), sum(s.held), sum(s.sold), sum(s.epoch)
                  )::seckill.availability_result as balance,
                  min(s.next_expiry) as next_expiry, min(s.next_release) as next_release,
                  max(s.seen_at) as seen_at, count(*) as slots
             from seckill_private.pool_slot as s
            where s.pool_id = p.pool_id) as s
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  return v_look;
end
$function$;

comment on function seckill_private.look_at_line (
  bigint, text, text, integer, text, bytea[]) is
  'A sale, the pool of one sku in it, and whether the buyer has reservations there; a row of nulls '
  'where there is no such pool.';
