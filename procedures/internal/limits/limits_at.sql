-- Every change of a limit is one revision and one entry of the journal, so the revision of an
-- instant is the present one less the changes since. What applied then is found as find_sale finds
-- it now.
create or replace function seckill_private.limits_at (
  p_activity_id bigint,
  p_at timestamptz
)
  returns seckill_private.limit_version[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_revision bigint := (
    select r.revision - (
             select count(*) from seckill_private.ops_entry as e
              where e.call in ('set_limit', 'drop_limit') and e.at > p_at)
      from seckill_private.limits_revision as r);
begin
  return (
    with standing as (
      select l
        from seckill_private.limit_version as l
       where (l.activity_id = p_activity_id or l.activity_id is null)
         and l.since_revision <= v_revision
         and (l.until_revision is null or l.until_revision > v_revision)
    )
    select array_agg(s.l order by (s.l).name collate "C")
      from standing as s
     where (s.l).activity_id is not null
        or not exists (
             select from standing as o
              where (o.l).activity_id is not null and (o.l).name = (s.l).name));
end
$function$;

comment on function seckill_private.limits_at (bigint, timestamptz) is
  'The limits that applied in an activity at an instant, sorted by name.';
