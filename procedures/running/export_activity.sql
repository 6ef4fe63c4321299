-- The rows stand still (archive_activity), so pages read one after another belong together.
-- Instants are written in UTC, whatever the session's zone: files of one activity are the same
-- whoever wrote them.
create or replace function seckill.export_activity (
  p_activity_id bigint,
  p_part text,
  p_after text default null,
  p_limit integer default 1000
)
  returns setof seckill.archived_row
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $function$
declare
  v_activity seckill_private.activity;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.require_limit(p_limit);
  v_activity := (seckill_private.load_sale(p_activity_id)).activity;
  if v_activity.archived_at is null then
    perform seckill_private.raise_error('SK006', 'the activity is not archived');
  end if;
  case
    when p_part in ('reservation', 'movement', 'refund', 'listed_subject') then
      return query
        select c.* from seckill_private.archived_page(
                          p_activity_id, p_part, p_after, p_limit) as c;
    when p_part in ('activity', 'pool', 'pool_slot', 'limit_version', 'list_dimension', 'ops_entry',
                    'inventory_movement') then
      return query
        select '', c.data
          from seckill_private.archived_part(p_activity_id, p_part) as c (data)
         where p_after is null;
    else
      perform seckill_private.raise_error('SK001', 'p_part is no part of an archive');
  end case;
exception
  when invalid_text_representation or invalid_parameter_value or numeric_value_out_of_range then
    perform seckill_private.raise_error('SK001', 'p_after is no cursor of this part');
end
$function$;

comment on function seckill.export_activity (bigint, text, text, integer) is
  'The rows of an archived activity, for files outside of the database. p_part: activity, pool, '
  'pool_slot, limit_version, list_dimension, listed_subject, ops_entry, inventory_movement, '
  'reservation, movement, refund. p_after: the cursor of the last row you have; null: from the '
  'beginning. p_limit: rows, 1 to 10000; the small parts come in one page. Raises SK001, SK002 '
  '(also when it was dropped), SK006 (not archived).';
grant execute on function seckill.export_activity (bigint, text, text, integer) to seckill_ops;
