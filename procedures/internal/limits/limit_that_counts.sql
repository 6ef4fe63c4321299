-- A limit on all activities counts what was bought in each of them, for as long as its window is.
-- Holds that ended are dated by their end (expired_holds), 30 days after the last purchase at most
-- (subject_keys). A day more, since days and months are those of some zone.
create or replace function seckill_private.limit_that_counts (
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns text
  language sql
  stable
begin atomic
  select min(l.name)
    from seckill_private.limit_version as l
   where l.activity_id is null
     and l.until_revision is null
     and l.window_kind in ('hour', 'day', 'week', 'month', 'rolling')
     and (p_activity).closed_at
         + case l.metric when 'expired_holds' then interval '30 days' else interval '0' end
         + case l.window_kind
             when 'rolling' then l.period
             when 'month' then interval '31 days'
             when 'week' then interval '7 days'
             else interval '1 day'
           end + interval '1 day' > p_now;
end;

comment on function seckill_private.limit_that_counts (seckill_private.activity, timestamptz) is
  'A limit on all activities that may still count what was bought in this one, or null.';
