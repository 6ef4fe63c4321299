-- Whoever changes limits or lists notes here what a newcomer's purchase need not read. Where that
-- stays, as with every block but the first, the row does too: each purchase reads it, and would go
-- through all its versions while an old snapshot keeps them.
-- Locks: none; the caller has the activity, or for limits on all (null) the revision counter.
create or replace function seckill_private.note_rules (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    update seckill_private.limits_revision as r
       set global_limits = (
             select count(*)
               from seckill_private.limit_version as l
              where l.activity_id is null
                and l.until_revision is null)
     where r.only_row;
  else
    update seckill_private.activity as a
       set newcomer_units = seckill_private.newcomer_units(p_activity_id)
     where a.activity_id = p_activity_id
       and a.newcomer_units <> seckill_private.newcomer_units(p_activity_id);
  end if;
end
$function$;

comment on function seckill_private.note_rules (bigint) is
  'Note what stands now of an activity''s limits and lists, or of those on all activities (null).';
