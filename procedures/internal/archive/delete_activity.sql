-- Up to p_limit rows of a dropped activity, along their keys: nothing of another activity is read.
-- 0 when nothing is left. Nobody waits for these rows, and no lock on a table is taken that others
-- would notice.
create or replace function seckill_private.delete_activity (
  p_activity_id bigint,
  p_limit integer
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_deleted integer;
begin
  delete from seckill_private.reservation as r
   where (r.buyer_key, r.request_id, r.shard) in (
           select d.buyer_key, d.request_id, d.shard
             from seckill_private.reservation as d
            where d.buyer_key >= p_activity_id << 40
              and d.buyer_key < (p_activity_id + 1) << 40
            order by d.buyer_key
            limit p_limit)
     and r.buyer_key >= p_activity_id << 40
     and r.buyer_key < (p_activity_id + 1) << 40;
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.movement as m
   where m.activity_id = p_activity_id
     and m.movement_id in (
           select d.movement_id
             from seckill_private.movement as d
            where d.activity_id = p_activity_id
            order by d.movement_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.refund as f
   where f.activity_id = p_activity_id
     and f.reservation_id in (
           select d.reservation_id
             from seckill_private.refund as d
            where d.activity_id = p_activity_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.listed_subject as s
   where s.activity_id = p_activity_id
     and (s.list, s.subject) in (
           select d.list, d.subject
             from seckill_private.listed_subject as d
            where d.activity_id = p_activity_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$function$;

comment on function seckill_private.delete_activity (bigint, integer) is
  'Delete some of the rows of a dropped activity; how many.';
