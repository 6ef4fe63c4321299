-- Raises: SK002.
create or replace function seckill_private.load_sale (
  p_activity_id bigint
)
  returns seckill_private.sale
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sale seckill_private.sale := seckill_private.find_sale(p_activity_id);
begin
  if (v_sale.activity).activity_id is null then
    perform seckill_private.raise_error('SK002', coalesce((
      select format('activity %s was archived at %s', p_activity_id,
                    a.archived_at at time zone 'UTC')
        from seckill_private.activity as a
       where a.activity_id = p_activity_id), 'activity ' || p_activity_id));
  end if;
  return v_sale;
end
$function$;

comment on function seckill_private.load_sale (bigint) is
  'The same as find_sale, of an activity that must be there.';
