-- What no limit of an activity keeps a user from who has used nothing of them, whatever he orders;
-- 0 where another subject's use counts, or a list has to be looked at. Limits on all activities are
-- not in it (limits_revision.global_limits).
create or replace function seckill_private.newcomer_units (
  p_activity_id bigint
)
  returns bigint
  language sql
  stable
begin atomic
  select case
           when exists (select from seckill_private.list_dimension as d
                         where d.activity_id = p_activity_id
                           and (d.required or d.blocking))
             then 0
           else coalesce(
             min(case
                   when l.dimension <> 'user' then 0
                   when l.metric = 'units' then l.maximum
                 end),
             9223372036854775807)
         end
    from seckill_private.limit_version as l
   where l.activity_id = p_activity_id
     and l.until_revision is null;
end;

comment on function seckill_private.newcomer_units (bigint) is
  'Units that a user without reservations in an activity may order with no look at its limits and '
  'lists; 0: look.';
