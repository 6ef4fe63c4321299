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
begin
  select a,
         (select array_agg(l order by l.name collate "C")
            from seckill_private.limit_version as l
           where l.until_revision is null
             and (l.activity_id = a.activity_id
                  or l.activity_id is null
                     and not exists (
                       select from seckill_private.limit_version as o
                        where o.activity_id = a.activity_id
                          and o.name = l.name
                          and o.until_revision is null))),
         (select r.revision from seckill_private.limits_revision as r),
         (select array_agg(d order by d.dimension collate "C")
            from seckill_private.list_dimension as d
           where d.activity_id = a.activity_id)
    into v_sale.activity, v_sale.limits, v_sale.limits_revision, v_sale.lists
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  return v_sale;
end
$function$;

comment on function seckill_private.find_sale (bigint) is
  'An activity, the limits that apply in it and its lists, as they stand; nulls where there is '
  'none.';
