-- session_user, the login, is kept beside the actor by the column's default.
-- Locks: none; the caller has the activity, or the request id.
create or replace function seckill_private.ops_record (
  p_call text,
  p_activity_id bigint,
  p_request_id uuid,
  p_arguments jsonb,
  p_answer jsonb,
  p_actor text
)
  returns void
  language sql
  volatile
begin atomic
  insert into seckill_private.ops_entry (
    at, call, activity_id, request_id, arguments, answer, actor)
  values (clock_timestamp(), p_call, p_activity_id, p_request_id, p_arguments, p_answer, p_actor);
end;

comment on function seckill_private.ops_record (text, bigint, uuid, jsonb, jsonb, text) is
  'Write an ops call into the journal: who asked, for what, and the answer.';
