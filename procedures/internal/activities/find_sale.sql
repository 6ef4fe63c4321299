-- One statement, so that the limits and the revision that a reservation records belong together.
-- A limit of the activity stands in for the global one of its name. Limits are sorted by name.
create or replace function seckill_private.find_sale (
  p_activity_id bigint
)
  returns seckill_private.sale
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sale seckill_private.sale;
  v_own seckill_private.limit_version[];
  v_global seckill_private.limit_version[];
  v_lists seckill_private.list_dimension[];
begin
  select a,
         array(
           select l
             from seckill_private.limit_version as l
            where l.activity_id = p_activity_id
              and l.until_revision is null
            order by l.name collate "C"),
         array(
           select l
             from seckill_private.limit_version as l
            where l.activity_id is null
              and l.until_revision is null),
         (select r.revision from seckill_private.limits_revision as r),
         array(
           select d
             from seckill_private.list_dimension as d
            where d.activity_id = p_activity_id
              and (d.required or d.blocking)
            order by d.dimension collate "C")
    into v_sale.activity, v_own, v_global, v_sale.limits_revision, v_lists
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  if v_global <> '{}' then
    v_own := array(
      select l
        from unnest(v_own || v_global) as l
       where l.activity_id is not null
          or not exists (select from unnest(v_own) as o where o.name = l.name)
       order by l.name collate "C");
  end if;
  v_sale.limits := case when cardinality(v_own) > 0 then v_own end;
  v_sale.lists := case when cardinality(v_lists) > 0 then v_lists end;
  return v_sale;
end
$function$;

comment on function seckill_private.find_sale (bigint) is
  'An activity, the limits that apply in it and its lists, as they stand; nulls where there is '
  'none.';
