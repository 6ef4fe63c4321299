-- Parallel arrays as requests, with what is wrong with each and its pool, where it has one.
create or replace function seckill_private.read_requests (
  p_activity_ids bigint[],
  p_user_ids text[],
  p_skus text[],
  p_quantities integer[],
  p_request_ids uuid[],
  p_regions text[],
  p_subjects jsonb[]
)
  returns seckill_private.request[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return array(
    select row(
             r.ordinal, r.activity_id, r.user_id, r.sku, r.quantity, r.request_id, r.region,
             case
               when f.fault is null and r.subjects <> '{}'
                 then seckill_private.subject_digests(r.subjects)
             end,
             case when f.fault is not null then 'SK001' end,
             (select p.pool_id
                from seckill_private.pool as p
               where p.activity_id = r.activity_id and p.sku = r.sku and p.region = r.region)
           )::seckill_private.request
      from unnest(
             p_activity_ids, p_user_ids, p_skus, p_quantities, p_request_ids, p_regions, p_subjects
           ) with ordinality as r (
             activity_id, user_id, sku, quantity, request_id, region, subjects, ordinal)
     cross join lateral (
             select coalesce(
                      seckill_private.fault_in_buyer(
                        r.activity_id, r.request_id, r.user_id, r.region),
                      seckill_private.fault_in_line(r.sku, r.quantity),
                      case
                        when r.subjects is distinct from '{}'
                          then seckill_private.fault_in_subjects(r.subjects)
                      end) as fault
            offset 0) as f
     order by r.ordinal);
end
$function$;

comment on function seckill_private.read_requests (
  bigint[], text[], text[], integer[], uuid[], text[], jsonb[]) is
  'The requests of a batch.';
