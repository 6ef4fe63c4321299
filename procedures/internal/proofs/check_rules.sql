-- I3: what a newcomer's purchase does not read is noted as it stands (note_rules).
create or replace function seckill_private.check_rules (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  select 'I3', c.what, c.expected::text, c.actual::text
    from (
      select 'units of a newcomer' as what, a.newcomer_units as actual,
             seckill_private.newcomer_units(p_activity_id) as expected
        from seckill_private.activity as a
       where a.activity_id = p_activity_id
       union all
      select 'limits on all activities', r.global_limits,
             (select count(*)
                from seckill_private.limit_version as l
               where l.activity_id is null
                 and l.until_revision is null)
        from seckill_private.limits_revision as r) as c
   where c.expected <> c.actual;
end;

comment on function seckill_private.check_rules (bigint) is
  'What is noted of an activity''s limits and lists for newcomers, where it is not what stands.';
