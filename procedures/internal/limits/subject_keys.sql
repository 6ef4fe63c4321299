-- Keys start with the activity, so what a user did in all activities takes a probe for each. An
-- activity that was closed before the window began is passed over; 30 days more, the longest hold,
-- for holds that ended after it was closed.
create or replace function seckill_private.subject_keys (
  p_limit seckill_private.limit_version,
  p_activity_id bigint,
  p_user_id text,
  p_since timestamptz
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_limit.dimension <> 'user' then
    return null;
  elsif not seckill_private.crosses_activities(p_limit) then
    return array[seckill_private.buyer_key(p_activity_id, p_user_id)];
  end if;
  return array(
    select seckill_private.buyer_key(a.activity_id, p_user_id)
      from seckill_private.activity as a
     where a.closed_at is null
        or a.closed_at > p_since - interval '30 days');
end
$function$;

comment on function seckill_private.subject_keys (
  seckill_private.limit_version, bigint, text, timestamptz) is
  'Under which keys the reservations lie that a limit on users counts; null for other dimensions.';
