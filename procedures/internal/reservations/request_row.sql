-- Two users of one activity may share a key and a shard: who finds them beforehand can ask for both
-- under one request id, which stands for one reservation. So the row may be another user's, and
-- then this one's request conflicts with it (SK004).
create or replace function seckill_private.request_row (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
     and r.shard = seckill_private.shard(p_user_id);
  return v_row;
end
$function$;

comment on function seckill_private.request_row (bigint, text, uuid) is
  'The reservation that a request led to; a row of nulls where there is none.';
