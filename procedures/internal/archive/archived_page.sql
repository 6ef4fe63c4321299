-- The parts that may have millions of rows, page by page along their keys.
create or replace function seckill_private.archived_page (
  p_activity_id bigint,
  p_part text,
  p_after text,
  p_limit integer
)
  returns setof seckill.archived_row
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_key text[] := string_to_array(p_after, '.');
begin
  case p_part
    when 'reservation' then
      return query
        select concat_ws('.', r.buyer_key, r.request_id), to_jsonb(r)
          from seckill_private.reservation as r
         where r.buyer_key >= p_activity_id << 40
           and r.buyer_key < (p_activity_id + 1) << 40
           and (p_after is null or (r.buyer_key, r.request_id) > (v_key[1]::bigint, v_key[2]::uuid))
           and (p_after is null or r.buyer_key >= v_key[1]::bigint)
         order by r.buyer_key, r.request_id
         limit p_limit;
    when 'movement' then
      return query
        select m.movement_id::text, to_jsonb(m)
          from seckill_private.movement as m
         where m.activity_id = p_activity_id
           and m.movement_id > coalesce(p_after::bigint, 0)
         order by m.movement_id
         limit p_limit;
    when 'refund' then
      return query
        select concat_ws('.', f.reservation_id, f.ordinal), to_jsonb(f)
          from seckill_private.refund as f
         where f.activity_id = p_activity_id
           and (p_after is null
                or (f.reservation_id, f.ordinal) > (v_key[1]::bigint, v_key[2]::integer))
         order by f.reservation_id, f.ordinal
         limit p_limit;
    when 'listed_subject' then
      return query
        select concat_ws('.', s.list, encode(s.subject, 'hex')), to_jsonb(s)
          from seckill_private.listed_subject as s
         where s.activity_id = p_activity_id
           and (p_after is null or (s.list, s.subject) > (v_key[1], decode(v_key[2], 'hex')))
         order by s.list, s.subject
         limit p_limit;
  end case;
end
$function$;

comment on function seckill_private.archived_page (bigint, text, text, integer) is
  'A page of the reservations, movements, refunds or listed subjects of an activity.';
