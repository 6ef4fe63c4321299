-- The limits of then and the reservations of then: what was bought before a limit was set counts in
-- it, what was bought later does not. What the limit says of it is limit_check's, as in
-- seckill.limit_usage.
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
  v_check seckill_private.check;
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  if p_at is null then
    perform seckill_private.raise_error('SK001', 'p_at must not be null');
  end if;
  v_digests := seckill_private.subject_digests(p_subjects);
  v_activity := seckill_private.activity_at(
    (seckill_private.load_sale(p_activity_id)).activity, p_at);
  foreach v_limit in array coalesce(seckill_private.limits_at(p_activity_id, p_at), '{}') loop
    v_check := seckill_private.limit_check(
      v_limit, v_activity, p_user_id, v_digests, null, null, p_at, p_at, null,
      seckill_private.usage_at(
        v_limit, v_activity, p_user_id,
        case when v_limit.dimension <> 'user'
          then seckill_private.digest_of(v_digests, v_limit.dimension)
        end,
        p_at));
    if v_check.check_name is not null then
      return next seckill_private.show_check(v_check);
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
