-- Values are digested before they are compared or stored, users too. The journal keeps how many
-- there were, not who.
-- Locks: the activity.
-- Raises: SK001, SK002, SK005, SK006 (closed).
create or replace function seckill_private.change_list (
  p_activity_id bigint,
  p_call text,
  p_status text,
  p_list text,
  p_dimension text,
  p_values text[],
  p_add boolean,
  p_actor text
)
  returns seckill.ops_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result;
  v_value text;
  v_digests bytea[];
begin
  perform seckill_private.require_text('p_dimension', p_dimension);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_values is null or cardinality(p_values) not between 1 and 10000 then
    perform seckill_private.raise_error('SK001', 'p_values must have 1 to 10000 values');
  end if;
  -- Before any query has them: the context of an error would show it.
  foreach v_value in array p_values loop
    perform seckill_private.require_text('a value of p_values', case p_dimension
      when 'user' then v_value else seckill_private.normalize_subject(v_value) end);
  end loop;
  select array_agg(distinct seckill_private.subject_digest(s.salt, p_dimension, v.value))
    into v_digests
    from unnest(p_values) as v (value)
   cross join seckill_private.secret as s;
  perform seckill_private.lock_activity(p_activity_id);
  if p_add then
    perform seckill_private.note_dimension(p_activity_id, p_dimension, p_list);
    perform seckill_private.note_rules(p_activity_id);
    insert into seckill_private.listed_subject (activity_id, list, subject)
    select p_activity_id, p_list, d.digest from unnest(v_digests) as d (digest)
    on conflict do nothing;
  else
    delete from seckill_private.listed_subject as l
     where l.activity_id = p_activity_id
       and l.list = p_list
       and l.subject = any (v_digests);
  end if;
  get diagnostics v_result.quantity = row_count;
  v_result.status := p_status;
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_result.quantity = 0;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      p_call, p_activity_id, null,
      jsonb_build_object('dimension', p_dimension, 'values', v_result.quantity),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.change_list (
  bigint, text, text, text, text, text[], boolean, text) is
  'Put subjects on a list of an activity (eligible, blocked), or take them off.';
