-- The limits of then and the reservations of then: what was bought before a limit was set counts in
-- it, what was bought later does not.
create or replace function seckill.limit_usage_at (
  p_activity_id bigint,
  p_user_id text,
  p_at timestamptz,
  p_subjects jsonb default '{}'
)
  returns setof seckill.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity;
  v_digests bytea[];
  v_limit seckill_private.limit_version;
  v_digest bytea;
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  if p_at is null then
    perform seckill_private.raise_error('SK001', 'p_at must not be null');
  end if;
  v_digests := seckill_private.subject_digests(p_subjects);
  v_activity := seckill_private.activity_at(
    (seckill_private.load_sale(p_activity_id)).activity, p_at);
  foreach v_limit in array coalesce(seckill_private.limits_at(p_activity_id, p_at), '{}') loop
    v_digest := case
      when v_limit.dimension <> 'user'
        then seckill_private.digest_of(v_digests, v_limit.dimension)
    end;
    if v_limit.dimension = 'user' or v_digest is not null then
      return next seckill_private.usage_at(
        v_limit, v_activity, p_user_id, v_digest, p_at);
    end if;
  end loop;
end
$function$;

comment on function seckill.limit_usage_at (bigint, text, timestamptz, jsonb) is
  'What seckill.limit_usage would have answered at an instant: the limits as they stood then (by '
  'the journal of the ops calls), and what these subjects had used of each. An instant to come is '
  'answered as if nobody called until then. Raises SK001, SK002.';
grant execute on function seckill.limit_usage_at (bigint, text, timestamptz, jsonb)
   to seckill_read, seckill_app, seckill_ops;
