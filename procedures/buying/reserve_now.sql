-- The hot row is locked until a commit is on disk. Here the first commit does not wait for that,
-- so the next buyer has the row sooner (ops/SPEED.md); then a second, tiny one does, and
-- its flush takes the first along, to a synchronous standby too. Only after that the answer is
-- given. The second commit is the one that ends the call: after an explicit one a wait for the
-- standby that was cancelled would still be answered as held. A procedure that commits can be
-- neither security definer nor carry a SET clause, so all is done in seckill.reserve, and every
-- name is written in full. A refusal wrote nothing, and a replay waits for the disk by itself.
create or replace procedure seckill.reserve_now (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}',
  inout status text default null,
  inout ordinal integer default null,
  inout reservation_id bigint default null,
  inout replayed boolean default null,
  inout state text default null,
  inout expires_at timestamptz default null,
  inout limit_name text default null,
  inout sku text default null,
  inout remaining bigint default null,
  inout epoch bigint default null,
  inout retry text default null,
  inout retry_at timestamptz default null,
  inout error_code text default null
)
  language plpgsql
as $function$
declare
  v_result seckill.reserve_result := seckill.reserve(
    p_activity_id => reserve_now.p_activity_id, p_user_id => reserve_now.p_user_id,
    p_sku => reserve_now.p_sku, p_quantity => reserve_now.p_quantity,
    p_request_id => reserve_now.p_request_id, p_region => reserve_now.p_region,
    p_subjects => reserve_now.p_subjects);
begin
  status := v_result.status;
  ordinal := v_result.ordinal;
  reservation_id := v_result.reservation_id;
  replayed := v_result.replayed;
  state := v_result.state;
  expires_at := v_result.expires_at;
  limit_name := v_result.limit_name;
  sku := v_result.sku;
  remaining := v_result.remaining;
  epoch := v_result.epoch;
  retry := v_result.retry;
  retry_at := v_result.retry_at;
  error_code := v_result.error_code;
  if reserve_now.status operator(pg_catalog.=) 'held' and not reserve_now.replayed then
    set local synchronous_commit = off;
    commit;
    if pg_catalog.current_setting('synchronous_commit')
       operator(pg_catalog.<>) all (array['on', 'remote_apply']) then
      set local synchronous_commit = on;
    end if;
    perform pg_catalog.pg_logical_emit_message(true, '', '');
  end if;
end
$function$;

comment on procedure seckill.reserve_now (
  bigint, text, text, integer, uuid, text, jsonb, text, integer, bigint, boolean, text, timestamptz,
  text, text, bigint, bigint, text, timestamptz, text) is
  'reserve as a procedure, for callers in autocommit: call seckill.reserve_now(1, ''ann'', '
  '''phone'', 1, gen_random_uuid()). The row that comes back has the fields of reserve_result: '
  'they are the parameters without p_, for which nothing is passed. The next buyer gets the '
  'pool''s row before this purchase is on disk; the answer comes after. Inside a transaction '
  'block, a multi-statement string or a pipeline: 2D000. Raises as reserve.';
grant execute on procedure seckill.reserve_now (
  bigint, text, text, integer, uuid, text, jsonb, text, integer, bigint, boolean, text, timestamptz,
  text, text, bigint, bigint, text, timestamptz, text) to seckill_app;
