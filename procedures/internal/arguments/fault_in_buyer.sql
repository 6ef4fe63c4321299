-- One expression, so that a batch does not call it for each request.
create or replace function seckill_private.fault_in_buyer (
  p_activity_id bigint,
  p_request_id uuid,
  p_user_id text,
  p_region text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when p_activity_id is null then 'p_activity_id must not be null'
  when p_request_id is null then 'p_request_id must not be null'
  else coalesce(
    seckill_private.fault_in_text('p_user_id', p_user_id),
    seckill_private.fault_in_text('p_region', p_region))
end;

comment on function seckill_private.fault_in_buyer (bigint, uuid, text, text) is
  'What is wrong with a purchase, its lines and subjects aside, or null.';
