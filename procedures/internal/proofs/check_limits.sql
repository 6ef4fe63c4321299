-- I3: at each purchase, use in its window, itself included, was within the limits of the
-- revision that it recorded. At one instant what is given back comes first, then decisions in
-- the order of their revisions: one that was made under later limits was made later. An expired
-- hold is counted at the purchases after it, which must leave room for one more.
create or replace function seckill_private.check_limits (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with event as (
    select e.*, e.delta = 0 as only_judged,
           -- Ids begin with the activity; their number is in the order of purchases of all.
           e.reservation_id & 68719476735 as number
      from seckill_private.limit_events(p_activity_id) as e
  ), running as (
    select e.*,
           sum(e.delta) over (
             partition by e.name, e.activity_id, e.since_revision, e.subject, e.part
             order by e.at, e.decided, e.revision, e.number
             rows between unbounded preceding and current row) as total
      from event as e
  ), usage as (
    select r.name, r.maximum, r.reservation_id,
           case when r.only_judged then 1 else 0 end
           + case
               when r.period is null then r.total
               else (select sum(o.delta)
                       from event as o
                      where o.name = r.name
                        and o.activity_id is not distinct from r.activity_id
                        and o.since_revision = r.since_revision
                        and o.subject = r.subject
                        and o.dated <= r.dated
                        and o.dated > r.dated
                            - make_interval(secs => extract(epoch from r.period)::double precision)
                        and (o.at, o.decided, o.revision, o.number)
                            <= (r.at, r.decided, r.revision, r.number))
             end as used
      from running as r
     where r.judged
  )
  select 'I3', format('limit %s at reservation %s', u.name, u.reservation_id),
         'at most ' || u.maximum, u.used::text
    from usage as u
   where u.used > u.maximum;
end;

comment on function seckill_private.check_limits (bigint) is
  'Purchases that broke a limit as it stood when they were made (I3).';
