-- An activity that does not exist is not among them.
create or replace function seckill_private.sales_of (
  p_requests seckill_private.request[]
)
  returns seckill_private.sale[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return array(
    select s
      from (select distinct r.activity_id
              from unnest(p_requests) as r
             where r.error_code is null) as a
     cross join lateral seckill_private.find_sale(a.activity_id) as s
     where (s.activity).activity_id is not null);
end
$function$;

comment on function seckill_private.sales_of (seckill_private.request[]) is
  'The sales that the requests of a batch are about.';
