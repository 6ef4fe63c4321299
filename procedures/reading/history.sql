-- A login of seckill_app may ask for one buyer at a time: for all of them it sees units, not
-- people. A row is an answer, too: what it tells is on disk (seckill_private.ensure_durable), which
-- takes a write only where the newest row, the first, is young.
create or replace function seckill.history (
  p_activity_id bigint,
  p_sku text default null,
  p_region text default null,
  p_user_id text default null,
  p_limit integer default 1000
)
  returns setof seckill.change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sees boolean := seckill_private.sees_buyers();
  v_named boolean := v_sees or p_user_id is not null;
  v_row seckill.change;
  v_newest timestamptz;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.optional_text('p_sku', p_sku);
  perform seckill_private.optional_text('p_region', p_region);
  perform seckill_private.optional_text('p_user_id', p_user_id);
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.load_sale(p_activity_id);
  for v_row in
    select null::text, l.at, l.kind, p_activity_id, p.sku, p.region,
           case when v_named then l.reservation_id end, case when v_named then l.user_id end,
           l.quantity, l.actor, l.login,
           case when v_sees then l.note end, l.source, l.target
      from seckill_private.ledger_of(p_activity_id) as l
      join seckill_private.pool as p on p.pool_id = l.pool_id
     where (p_sku is null or p.sku = p_sku)
       and (p_region is null or p.region = p_region)
       and (p_user_id is null or l.user_id = p_user_id)
     order by l.at desc, l.pool_id desc, l.version desc nulls first, l.reservation_id desc
     limit p_limit
  loop
    v_newest := coalesce(v_newest, v_row.at);
    return next v_row;
  end loop;
  perform seckill_private.ensure_durable(v_newest);
end
$function$;

comment on function seckill.history (bigint, text, text, text, integer) is
  'The ledger of an activity, newest first: what moved, who asked (actor, login) and why (note). '
  'Of one sku, region or user, or of all (null). p_limit: rows, 1 to 10000. A login of '
  'seckill_app that names no user sees no user_id and no reservation_id, and it never sees a '
  'note. cursor is null. Raises SK001, SK002.';
grant execute on function seckill.history (bigint, text, text, text, integer)
   to seckill_read, seckill_app, seckill_ops;
