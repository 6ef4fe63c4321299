-- "One in an activity" set for all activities means one in each of them; "one a month" does not.
create or replace function seckill_private.crosses_activities (
  p_limit seckill_private.limit_version
)
  returns boolean
  language sql
  immutable
  parallel safe
return (p_limit).activity_id is null
   and ((p_limit).metric = 'open_holds' or (p_limit).window_kind not in ('order', 'activity'));

comment on function seckill_private.crosses_activities (seckill_private.limit_version) is
  'Whether a limit counts what a subject did in all activities: a global one, unless its window is '
  'the order or the activity.';
