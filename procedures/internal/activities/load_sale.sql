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
  v_archived_at timestamptz;
begin
  if (v_sale.activity).activity_id is not null then
    return v_sale;
  end if;
  -- Apart from the error, whose context would show the query.
  select a.archived_at into v_archived_at
    from seckill_private.activity as a
   where a.activity_id = p_activity_id;
  perform seckill_private.raise_unknown_activity(p_activity_id, v_archived_at);
end
$function$;

comment on function seckill_private.load_sale (bigint) is
  'The same as find_sale, of an activity that must be there.';
