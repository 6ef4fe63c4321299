-- Frozen from procedures/ by migrations/freeze.py. Never edited: a database that runs this
-- revision in ten years gets what the first one got.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;
set local role seckill_owner;

-- file: procedures/internal/arguments/raise_error.sql
-- The one table of our error codes, and the one of PostgreSQL's that we raise ourselves. Messages
-- are constant, so that logs can be grouped by them; data stand in the detail, and never a
-- subject's raw value.
create or replace function seckill_private.raise_error (
  p_sqlstate text,
  p_detail text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception using
    errcode = p_sqlstate,
    message = case p_sqlstate
      when 'SK001' then 'invalid argument'
      when 'SK002' then 'unknown activity'
      when 'SK003' then 'unknown pool'
      when 'SK004' then 'request id was used for another request'
      when 'SK005' then 'transaction is not READ COMMITTED'
      when 'SK006' then 'not allowed in this state'
      when 'SK007' then 'not enough units'
      when 'SK008' then 'unknown reservation'
      when '55P03' then 'could not obtain lock'
    end,
    detail = p_detail;
end
$function$;

comment on function seckill_private.raise_error (text, text) is
  'Raise one of the errors SK001 to SK008, or 55P03, with its constant message.';

-- file: procedures/internal/arguments/fault_in_text.sql
-- 200 characters are the most that any text of a caller may have.
create or replace function seckill_private.fault_in_text (
  p_name text,
  p_value text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when coalesce(p_value, '') = '' then p_name || ' must not be empty'
  when length(p_value) > 200 then p_name || ' is longer than 200 characters'
end;

comment on function seckill_private.fault_in_text (text, text) is
  'What is wrong with a text that has to be given, or null.';

-- file: procedures/internal/arguments/require_text.sql
-- Raises: SK001 when the text is null, empty or longer than 200 characters.
create or replace function seckill_private.require_text (
  p_name text,
  p_value text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if seckill_private.fault_in_text(p_name, p_value) is not null then
    perform seckill_private.raise_error('SK001', seckill_private.fault_in_text(p_name, p_value));
  end if;
end
$function$;

comment on function seckill_private.require_text (text, text) is
  'Refuse a text argument that is null, empty or longer than 200 characters.';

-- file: procedures/internal/arguments/optional_text.sql
-- Raises: SK001 when the text is given, and empty or longer than 200 characters.
create or replace function seckill_private.optional_text (
  p_name text,
  p_value text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_value is not null then
    perform seckill_private.require_text(p_name, p_value);
  end if;
end
$function$;

comment on function seckill_private.optional_text (text, text) is
  'Refuse a text argument that is empty or longer than 200 characters; null is fine.';

-- file: procedures/internal/arguments/require_units.sql
-- The bound keeps every sum of units far from the end of bigint.
-- Raises: SK001 when the number is null, not positive, or above 10^12.
create or replace function seckill_private.require_units (
  p_name text,
  p_value bigint
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_value is null or p_value <= 0 or p_value > 1000000000000 then
    perform seckill_private.raise_error(
      'SK001', p_name || ' must be from 1 to 10^12, is ' || coalesce(p_value::text, 'null'));
  end if;
end
$function$;

comment on function seckill_private.require_units (text, bigint) is
  'Refuse a number of units that is null, not positive, or above 10^12.';

-- file: procedures/internal/arguments/require_slots.sql
-- Raises: SK001.
create or replace function seckill_private.require_slots (
  p_slots integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_slots is null or p_slots not between 1 and 64 then
    perform seckill_private.raise_error('SK001', 'p_slots must be 1 to 64');
  end if;
end
$function$;

comment on function seckill_private.require_slots (integer) is
  'Raise SK001 unless a pool may have so many slots.';

-- file: procedures/internal/arguments/require_limit.sql
-- Raises: SK001 when the row limit of a call is null, not positive, or above 10000.
create or replace function seckill_private.require_limit (
  p_limit integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_limit is null or p_limit <= 0 or p_limit > 10000 then
    perform seckill_private.raise_error(
      'SK001', 'p_limit must be from 1 to 10000, is ' || coalesce(p_limit::text, 'null'));
  end if;
end
$function$;

comment on function seckill_private.require_limit (integer) is
  'Refuse a row limit that is null, not positive, or above 10000.';

-- file: procedures/internal/arguments/require_request_id.sql
-- Raises: SK001.
create or replace function seckill_private.require_request_id (
  p_request_id uuid
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_request_id is null then
    perform seckill_private.raise_error('SK001', 'p_request_id must not be null');
  end if;
end
$function$;

comment on function seckill_private.require_request_id (uuid) is
  'Refuse a null request id.';

-- file: procedures/internal/arguments/require_time_zone.sql
-- A name that PostgreSQL lists, because "at time zone" takes any nonsense such as FOO5 for POSIX.
-- Raises: SK001.
create or replace function seckill_private.require_time_zone (
  p_time_zone text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_text('p_time_zone', p_time_zone);
  if not exists (select from pg_timezone_names as z where z.name = p_time_zone) then
    perform seckill_private.raise_error('SK001', 'p_time_zone is not a known time zone');
  end if;
end
$function$;

comment on function seckill_private.require_time_zone (text) is
  'Refuse a time zone that is not in pg_timezone_names.';

-- file: procedures/internal/arguments/validate_buyer.sql
-- Raises: SK001.
create or replace function seckill_private.validate_buyer (
  p_activity_id bigint,
  p_user_id text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.require_text('p_user_id', p_user_id);
end
$function$;

comment on function seckill_private.validate_buyer (bigint, text) is
  'Refuse a null activity and a user id that is null, empty or too long.';

-- file: procedures/internal/arguments/fault_in_line.sql
-- Quantity first: it is wrong more often than the name of what is bought.
create or replace function seckill_private.fault_in_line (
  p_sku text,
  p_quantity integer
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when coalesce(p_quantity, 0) <= 0
    then 'p_quantity must be positive, is ' || coalesce(p_quantity::text, 'null')
  else seckill_private.fault_in_text('p_sku', p_sku)
end;

comment on function seckill_private.fault_in_line (text, integer) is
  'What is wrong with a line of a purchase, or null.';

-- file: procedures/internal/arguments/is_sound.sql
-- What this lets through nobody looks at again; what it does not, validate_request decides. So it
-- must never be more lenient than fault_in_buyer and fault_in_line. Their rules stand here in the
-- fewest steps: what an expression might have to do is made ready in every transaction, even where
-- it is never done.
create or replace function seckill_private.is_sound (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text
)
  returns boolean
  language sql
  immutable
  parallel safe
return p_activity_id is not null and p_user_id is not null and p_sku is not null
   and p_quantity is not null and p_request_id is not null and p_region is not null
   and least(length(p_user_id), length(p_sku), length(p_region), p_quantity) > 0
   and greatest(length(p_user_id), length(p_sku), length(p_region)) <= 200;

comment on function seckill_private.is_sound (bigint, text, text, integer, uuid, text) is
  'Whether a request for one sku has nothing wrong in itself.';

-- file: procedures/internal/arguments/fault_in_buyer.sql
-- One expression, so that a batch does not call it for each request.
create or replace function seckill_private.fault_in_buyer (
  p_activity_id bigint,
  p_request_id uuid,
  p_user_id text,
  p_region text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when p_activity_id is null then 'p_activity_id must not be null'
  when p_request_id is null then 'p_request_id must not be null'
  else coalesce(
    seckill_private.fault_in_text('p_user_id', p_user_id),
    seckill_private.fault_in_text('p_region', p_region))
end;

comment on function seckill_private.fault_in_buyer (bigint, uuid, text, text) is
  'What is wrong with a purchase, its lines and subjects aside, or null.';

-- file: procedures/internal/arguments/fault_in_request.sql
-- What is wrong with the arguments of a purchase, as a caller should read it.
create or replace function seckill_private.fault_in_request (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := seckill_private.fault_in_buyer(
    p_activity_id, p_request_id, p_user_id, p_region);
begin
  if v_fault is not null then
    return v_fault;
  elsif coalesce(cardinality(p_skus), 0) not between 1 and 50 then
    return 'p_skus must have 1 to 50 lines';
  elsif cardinality(p_skus) is distinct from cardinality(p_quantities)
     or array_ndims(p_skus) <> 1 or array_ndims(p_quantities) <> 1 then
    return 'p_skus and p_quantities must be of equal length';
  end if;
  for v_line in 1 .. cardinality(p_skus) loop
    v_fault := seckill_private.fault_in_line(p_skus[v_line], p_quantities[v_line]);
    if v_fault is not null then
      return v_fault;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.fault_in_request (
  bigint, text, text[], integer[], uuid, text) is
  'Why no sale could take a purchase with these arguments, or null.';

-- file: procedures/internal/arguments/validate_request.sql
-- Raises: SK001.
create or replace function seckill_private.validate_request (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := seckill_private.fault_in_request(
    p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region);
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
end
$function$;

comment on function seckill_private.validate_request (
  bigint, text, text[], integer[], uuid, text) is
  'Refuse the arguments of a purchase that no sale could take.';

-- file: procedures/internal/arguments/merge_lines.sql
-- The same sku on two lines of an order is one line: else each would pass a limit that their sum
-- exceeds. Raises: SK001 when the sum of a sku is no integer any more.
create or replace function seckill_private.merge_lines (
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result;
  v_most bigint;
begin
  select array_agg(l.sku order by l.sku collate "C"),
         array_agg(least(l.quantity, 2147483647)::integer order by l.sku collate "C"),
         max(l.quantity)
    into v_lines.skus, v_lines.quantities, v_most
    from (select u.sku, sum(u.quantity)::bigint as quantity
            from unnest(p_skus, p_quantities) as u (sku, quantity)
           group by u.sku) as l;
  if v_most > 2147483647 then
    perform seckill_private.raise_error('SK001', 'the quantities of a sku add up to too many');
  end if;
  return v_lines;
end
$function$;

comment on function seckill_private.merge_lines (text[], integer[]) is
  'The lines of an order, one for each sku, sorted by sku; the other fields stay null.';

-- file: procedures/internal/arguments/fault_in_subjects.sql
-- An object of texts, 8 at most, none of them the user, who has an argument of his own.
create or replace function seckill_private.fault_in_subjects (
  p_subjects jsonb
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_dimension text;
  v_value jsonb;
  v_fault text;
begin
  if p_subjects is null or jsonb_typeof(p_subjects) <> 'object' then
    return 'p_subjects must be an object';
  elsif (select count(*) from jsonb_object_keys(p_subjects)) > 8 then
    return 'p_subjects has more than 8 dimensions';
  end if;
  for v_dimension, v_value in select e.key, e.value from jsonb_each(p_subjects) as e loop
    if v_dimension in ('', 'user') or length(v_dimension) > 200 then
      return 'a dimension of p_subjects is empty, too long, or "user"';
    elsif jsonb_typeof(v_value) <> 'string' then
      return 'a value of p_subjects is not a text';
    end if;
    v_fault := seckill_private.fault_in_text(
      'a value of ' || quote_ident(v_dimension),
      seckill_private.normalize_subject(v_value #>> '{}'));
    if v_fault is not null then
      return v_fault;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.fault_in_subjects (jsonb) is
  'What is wrong with the subjects of a request, or null.';

-- file: procedures/internal/arguments/validate_activity.sql
-- The years are those that every client's calendar has.
-- Raises: SK001.
create or replace function seckill_private.validate_activity (
  p_name text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_hold_seconds integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_text('p_name', p_name);
  if p_starts_at is null or p_ends_at is null
     or p_starts_at < '1970-01-01 00:00:00+00' or p_ends_at > '9999-01-01 00:00:00+00' then
    perform seckill_private.raise_error(
      'SK001', 'p_starts_at and p_ends_at must lie between 1970 and 9999');
  elsif p_starts_at >= p_ends_at then
    perform seckill_private.raise_error('SK001', 'p_ends_at must be after p_starts_at');
  elsif p_hold_seconds is null or p_hold_seconds not between 1 and 2592000 then
    perform seckill_private.raise_error('SK001', 'p_hold_seconds must be from 1 to 2592000');
  end if;
end
$function$;

comment on function seckill_private.validate_activity (text, timestamptz, timestamptz, integer) is
  'Refuse the settings of an activity that make no sense.';

-- file: procedures/internal/arguments/validate_limit.sql
-- Raises: SK001.
create or replace function seckill_private.validate_limit (
  p_activity_id bigint,
  p_name text,
  p_dimension text,
  p_metric text,
  p_window text,
  p_maximum bigint,
  p_sku text,
  p_period interval,
  p_time_zone text,
  p_required boolean
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_seconds numeric := extract(epoch from p_period);
begin
  perform seckill_private.require_text('p_name', p_name);
  perform seckill_private.require_text('p_dimension', p_dimension);
  perform seckill_private.require_units('p_maximum', p_maximum);
  perform seckill_private.optional_text('p_sku', p_sku);
  if p_metric is null
     or p_metric not in ('units', 'orders', 'open_holds', 'expired_holds') then
    perform seckill_private.raise_error(
      'SK001', 'p_metric must be units, orders, open_holds or expired_holds');
  elsif p_window is null or p_window not in (
          'order', 'hour', 'day', 'week', 'month', 'activity', 'rolling') then
    perform seckill_private.raise_error(
      'SK001', 'p_window must be order, hour, day, week, month, activity or rolling');
  elsif p_metric = 'open_holds' and p_window <> 'activity'
     or p_metric = 'expired_holds' and p_window = 'order' then
    perform seckill_private.raise_error('SK001', 'p_window does not go with this p_metric');
  elsif (p_period is null) = (p_window = 'rolling') then
    perform seckill_private.raise_error('SK001', 'p_period goes with rolling windows, and only so');
  elsif extract(year from p_period) <> 0 or extract(month from p_period) <> 0
     or v_seconds not between 1 and 315360000 then
    perform seckill_private.raise_error(
      'SK001', 'p_period must be days or shorter units, from a second to 3650 days');
  elsif p_required is null then
    perform seckill_private.raise_error('SK001', 'p_required must not be null');
  elsif p_activity_id is null and p_time_zone is null
     and p_window in ('hour', 'day', 'week', 'month') then
    perform seckill_private.raise_error('SK001', 'p_time_zone is needed: no activity has it');
  end if;
  if p_time_zone is not null then
    perform seckill_private.require_time_zone(p_time_zone);
  end if;
end
$function$;

comment on function seckill_private.validate_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean) is
  'Refuse a limit that makes no sense.';

-- file: procedures/internal/subjects/shard.sql
-- Bits that buyer_key does not use, so that the buyers of one shard spread over the whole key.
create or replace function seckill_private.shard (
  p_user_id text
)
  returns smallint
  language sql
  immutable
  parallel safe
return ((hashtextextended(p_user_id collate "C", 0) >> 58) & 63)::smallint;

comment on function seckill_private.shard (text) is
  'The shard of a user, 0 to 63.';

-- file: procedures/internal/subjects/buyer_key.sql
-- A narrow key that starts with the activity: its rows lie together, new ones beside each other,
-- and an old activity can be cut off. Two users of one activity may share a key (40 bits), so
-- whoever probes by it compares user_id too.
create or replace function seckill_private.buyer_key (
  p_activity_id bigint,
  p_user_id text
)
  returns bigint
  language sql
  immutable
  parallel safe
return (p_activity_id << 40)
       | (hashtextextended(p_user_id collate "C", 0) & 1099511627775);

comment on function seckill_private.buyer_key (bigint, text) is
  'activity << 40 | 40 bits of the user''s hash: the key of all that a user did in an activity.';

-- file: procedures/internal/subjects/normalize_subject.sql
-- Nothing more than this: what a phone number or an address "really" is, the caller knows better.
create or replace function seckill_private.normalize_subject (
  p_value text
)
  returns text
  language sql
  stable
  parallel safe
return lower(btrim(normalize(p_value, NFKC), E' \t\n\r\f\x0b'));

comment on function seckill_private.normalize_subject (text) is
  'A subject''s value as it is compared: NFKC-normalised, trimmed of white space, lower case.';

-- file: procedures/internal/subjects/dimension_tag.sql
-- Not salted: names of dimensions are no secret, and limits are matched by them.
create or replace function seckill_private.dimension_tag (
  p_dimension text
)
  returns bytea
  language sql
  stable
  parallel safe
return substr(sha256(convert_to(p_dimension, 'UTF8')), 1, 4);

comment on function seckill_private.dimension_tag (text) is
  'The 4 bytes with which the digests of a dimension begin.';

-- file: procedures/internal/subjects/subject_digest.sql
-- The first 4 bytes tell the dimension, so that a reservation's phone can be found again; the other
-- 12 are the value's, salted: among 10^9 subjects two are alike with a chance of 10^-11. A user is
-- taken exactly, everything else as normalize_subject says.
-- Raises: SK001 when the value is null, empty or too long.
create or replace function seckill_private.subject_digest (
  p_salt bytea,
  p_dimension text,
  p_value text
)
  returns bytea
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_value text := case p_dimension
    when 'user' then p_value
    else seckill_private.normalize_subject(p_value)
  end;
begin
  perform seckill_private.require_text('a value of ' || quote_ident(p_dimension), v_value);
  return seckill_private.dimension_tag(p_dimension)
    || substr(sha256(p_salt || convert_to(p_dimension || E'\x1f' || v_value, 'UTF8')), 1, 12);
end
$function$;

comment on function seckill_private.subject_digest (bytea, text, text) is
  'The salted digest of a subject, 16 bytes.';

-- file: procedures/internal/subjects/subject_digests.sql
-- {"phone": "…", …} as salted digests, one for each dimension.
-- Raises: SK001 when it is not an object of texts, has more than 8 keys, or the key "user".
create or replace function seckill_private.subject_digests (
  p_subjects jsonb
)
  returns bytea[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := seckill_private.fault_in_subjects(p_subjects);
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
  return (
    select array_agg(seckill_private.subject_digest(s.salt, e.key, e.value))
      from jsonb_each_text(p_subjects) as e
     cross join seckill_private.secret as s);
end
$function$;

comment on function seckill_private.subject_digests (jsonb) is
  'Salted digests of the subjects of a request, one for each dimension; null where it has none.';

-- file: procedures/internal/subjects/user_digest.sql
-- Reservations keep the user himself; only lists of subjects keep digests of users.
create or replace function seckill_private.user_digest (
  p_user_id text
)
  returns bytea
  language sql
  stable
begin atomic
  select seckill_private.subject_digest(s.salt, 'user', p_user_id)
    from seckill_private.secret as s;
end;

comment on function seckill_private.user_digest (text) is
  'The digest of a user, as the lists of subjects have it.';

-- file: procedures/internal/subjects/digest_of.sql
-- A digest begins with its dimension's tag (subject_digest).
create or replace function seckill_private.digest_of (
  p_digests bytea[],
  p_dimension text
)
  returns bytea
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_tag bytea := seckill_private.dimension_tag(p_dimension);
  v_digest bytea;
begin
  foreach v_digest in array coalesce(p_digests, '{}') loop
    if substr(v_digest, 1, 4) = v_tag then
      return v_digest;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.digest_of (bytea[], text) is
  'The digest of a dimension among those of a request; null where it carries none.';

-- file: procedures/internal/subjects/list_checks.sql
-- Answers: not_eligible for a subject that is blocked, and for one that is not on a list which the
-- activity requires, or that the request does not name. An emptied list therefore closes the sale.
create or replace function seckill_private.list_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[]
)
  returns setof seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_list text;
  v_dimension seckill_private.list_dimension;
  v_check seckill_private.check;
  v_digest bytea;
  v_listed boolean;
begin
  foreach v_list in array array['blocked', 'eligible'] loop
    foreach v_dimension in array coalesce(p_sale.lists, '{}') loop
      continue when not case v_list
        when 'blocked' then v_dimension.blocking else v_dimension.required
      end;
      v_digest := case v_dimension.dimension
        when 'user' then seckill_private.user_digest(p_user_id)
        else seckill_private.digest_of(p_digests, v_dimension.dimension)
      end;
      v_listed := exists (
        select from seckill_private.listed_subject as l
         where l.activity_id = v_dimension.activity_id
           and l.list = v_list
           and l.subject = v_digest);
      v_check := null;
      v_check.check_name := v_list;
      v_check.dimension := v_dimension.dimension;
      if v_listed = (v_list = 'blocked') then
        v_check.answer := 'not_eligible';
        v_check.retry := 'final';
      end if;
      return next v_check;
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.list_checks (seckill_private.sale, text, bytea[]) is
  'Whether the subjects of a request are on no list that blocks and on every list that is '
  'required.';

-- file: procedures/internal/subjects/note_dimension.sql
-- Purchases look only for lists of the dimensions that are noted here.
create or replace function seckill_private.note_dimension (
  p_activity_id bigint,
  p_dimension text,
  p_list text
)
  returns void
  language sql
  volatile
begin atomic
  insert into seckill_private.list_dimension as d (activity_id, dimension, blocking)
  values (p_activity_id, p_dimension, p_list = 'blocked')
  on conflict (activity_id, dimension) do update
     set blocking = true
   where excluded.blocking
     and not d.blocking;
end;

comment on function seckill_private.note_dimension (bigint, text, text) is
  'Note that an activity has a list of subjects of a dimension.';

-- file: procedures/internal/subjects/change_list.sql
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

-- file: procedures/internal/transactions/lock_key.sql
-- The seed is ours alone, so that advisory locks of other programs do not meet ours.
create or replace function seckill_private.lock_key (
  p_dimension text,
  p_value text
)
  returns bigint
  language sql
  immutable
  parallel safe
return hashtextextended((p_dimension || E'\x1f' || p_value) collate "C", 7233173838382854);

comment on function seckill_private.lock_key (text, text) is
  'The advisory lock of a subject.';

-- file: procedures/internal/transactions/lock_subject.sql
-- All that is decided about one subject is decided under this lock, one caller at a time. The
-- caller reads in a later statement: one that began before the lock was had would not see its last
-- owner's work.
-- Locks: first of all (procedures/README.md, lock order); held until the transaction ends.
create or replace function seckill_private.lock_subject (
  p_dimension text,
  p_value text
)
  returns boolean
  language sql
  volatile
return pg_advisory_xact_lock(seckill_private.lock_key(p_dimension, p_value)) is not null;

comment on function seckill_private.lock_subject (text, text) is
  'Take the transaction-level advisory lock of a subject; true, always.';

-- file: procedures/internal/transactions/lock_buyers.sql
-- The one order of users: a batch of purchases and one of payments may have the same buyers.
-- Locks: users, ascending by their locks' keys.
create or replace function seckill_private.lock_buyers (
  p_user_ids text[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform pg_advisory_xact_lock(k.key)
     from (select distinct seckill_private.lock_key('user', u.user_id) as key
             from unnest(p_user_ids) as u (user_id)
            where u.user_id is not null
            order by key
           offset 0) as k;
end
$function$;

comment on function seckill_private.lock_buyers (text[]) is
  'Take the advisory locks of all users of a batch.';

-- file: procedures/internal/transactions/lock_digests.sql
-- The subjects of a request beside the user. One that a limit is set on is locked for this caller
-- alone. The others are locked too, but shared: nobody waits for his neighbour at the same address,
-- yet who decides by a limit that was set a moment ago waits for the purchases that were decided
-- before it was, and counts them.
-- Locks: ascending by digest, after the user; held until the transaction ends.
create or replace function seckill_private.lock_digests (
  p_digests bytea[],
  p_limits seckill_private.limit_version[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limited bytea[] := array(
    select distinct seckill_private.dimension_tag(l.dimension) from unnest(p_limits) as l);
  v_digest bytea;
  v_key bigint;
begin
  for v_digest in select d.digest from unnest(p_digests) as d (digest) order by d.digest loop
    v_key := hashtextextended(encode(v_digest, 'hex') collate "C", 7233173838382854);
    if substr(v_digest, 1, 4) = any (v_limited) then
      perform pg_advisory_xact_lock(v_key);
    else
      perform pg_advisory_xact_lock_shared(v_key);
    end if;
  end loop;
end
$function$;

comment on function seckill_private.lock_digests (bytea[], seckill_private.limit_version[]) is
  'Take the advisory locks of a request''s subjects: exclusive where a limit is set, else shared.';

-- file: procedures/internal/transactions/commit_durably.sql
-- A session's synchronous_commit = off leaks through a pooler to whoever comes next. An answer must
-- not rest on a commit that is not on disk, here and on a synchronous standby, so it is raised for
-- this transaction.
create or replace function seckill_private.commit_durably ()
  returns text
  language sql
  volatile
return case
  when current_setting('synchronous_commit') not in ('on', 'remote_apply')
    then set_config('synchronous_commit', 'on', true)
end;

comment on function seckill_private.commit_durably () is
  'Make this transaction''s commit wait for the disk, whatever the session says.';

-- file: procedures/internal/transactions/begin_write.sql
-- First step of every call that writes. One expression, which costs its caller no call.
--
-- Isolation: in an older snapshot a lock shows nothing of what its last owner did, and a limit of 1
--   sold 2 without any error. So anything but READ COMMITTED is refused.
-- Raises: SK005.
create or replace function seckill_private.begin_write ()
  returns text
  language sql
  volatile
return case
  when current_setting('transaction_isolation') = 'read committed'
    then seckill_private.commit_durably()
  else seckill_private.raise_error(
    'SK005', 'isolation is ' || current_setting('transaction_isolation'))::text
end;

comment on function seckill_private.begin_write () is
  'Refuse any isolation but READ COMMITTED, and make this transaction''s commit durable.';

-- file: procedures/internal/transactions/ensure_durable.sql
-- What another session wrote can be visible before it is on disk. Who reads it and answers by it
-- ends with a commit record of its own, whose flush takes everything before it along. A minute
-- after the row was decided the WAL writer has long flushed it: a wait for a lock ends after five
-- seconds, though who takes from several slots may wait for one after another. Not so on a
-- synchronous standby that is away for longer; but who waits for it was not answered yet. A standby
-- shows only what is on disk, and can write nothing.
-- Locks: none.
create or replace function seckill_private.ensure_durable (
  p_written_at timestamptz
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_written_at > clock_timestamp() - interval '1 minute' and not pg_is_in_recovery() then
    perform seckill_private.commit_durably();
    perform pg_logical_emit_message(true, '', '');
  end if;
end
$function$;

comment on function seckill_private.ensure_durable (timestamptz) is
  'Make sure that an answer which rests on a row written at this time rests on disk when it is '
  'given.';

-- file: procedures/internal/transactions/now_at.sql
-- Decisions use the greater of the clock and the latest time that the rows have seen, those of the
-- pools and those of the user: a clock that jumps back neither reopens a window nor revives a hold.
-- Called after the lock, in a statement of its own: now() is the time at which the transaction
-- began, perhaps long before the lock was had. p_now is what tests pass; null means the clock.
create or replace function seckill_private.now_at (
  p_now timestamptz,
  p_pool_ids bigint[],
  p_activity_id bigint default null,
  p_user_id text default null
)
  returns timestamptz
  language sql
  volatile
begin atomic
  select greatest(
           coalesce(p_now, clock_timestamp()),
           (select max(s.seen_at)
              from seckill_private.pool_slot as s
             where s.pool_id = any (p_pool_ids)),
           (select max(greatest(r.created_at, r.resolved_at, r.refunded_at))
              from seckill_private.reservation as r
             where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
               and r.user_id = p_user_id));
end;

comment on function seckill_private.now_at (timestamptz, bigint[], bigint, text) is
  'The instant of a decision: the clock, but never before what these pools and this user have '
  'seen.';

-- file: procedures/internal/activities/find_sale.sql
-- One statement, so that the limits and the revision that a reservation records belong together.
-- A limit of the activity stands in for the global one of its name. Limits are sorted by name.
create or replace function seckill_private.find_sale (
  p_activity_id bigint
)
  returns seckill_private.sale
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sale seckill_private.sale;
  v_own seckill_private.limit_version[];
  v_global seckill_private.limit_version[];
  v_lists seckill_private.list_dimension[];
begin
  select a,
         array(
           select l
             from seckill_private.limit_version as l
            where l.activity_id = p_activity_id
              and l.until_revision is null
            order by l.name collate "C"),
         array(
           select l
             from seckill_private.limit_version as l
            where l.activity_id is null
              and l.until_revision is null),
         (select r.revision from seckill_private.limits_revision as r),
         array(
           select d
             from seckill_private.list_dimension as d
            where d.activity_id = p_activity_id
              and (d.required or d.blocking)
            order by d.dimension collate "C")
    into v_sale.activity, v_own, v_global, v_sale.limits_revision, v_lists
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  if v_global <> '{}' then
    v_own := array(
      select l
        from unnest(v_own || v_global) as l
       where l.activity_id is not null
          or not exists (select from unnest(v_own) as o where o.name = l.name)
       order by l.name collate "C");
  end if;
  v_sale.limits := case when cardinality(v_own) > 0 then v_own end;
  v_sale.lists := case when cardinality(v_lists) > 0 then v_lists end;
  return v_sale;
end
$function$;

comment on function seckill_private.find_sale (bigint) is
  'An activity, the limits that apply in it and its lists, as they stand; nulls where there is '
  'none.';

-- file: procedures/internal/activities/raise_unknown_activity.sql
-- Raises: SK002.
create or replace function seckill_private.raise_unknown_activity (
  p_activity_id bigint,
  p_archived_at timestamptz
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.raise_error(
    'SK002', 'activity ' || p_activity_id
             || coalesce(' was archived at ' || (p_archived_at at time zone 'UTC'), ''));
end
$function$;

comment on function seckill_private.raise_unknown_activity (bigint, timestamptz) is
  'Refuse an activity that there is not; p_archived_at: that there was, and when it was archived.';

-- file: procedures/internal/activities/load_sale.sql
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

-- file: procedures/internal/activities/is_on_sale.sql
-- sale_status has the order in which the other answers are given.
create or replace function seckill_private.is_on_sale (
  p_state text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_now timestamptz
)
  returns boolean
  language sql
  immutable
  parallel safe
return p_state = 'open' and p_now >= p_starts_at and p_now < p_ends_at;

comment on function seckill_private.is_on_sale (text, timestamptz, timestamptz, timestamptz) is
  'Whether an activity in this state sells at an instant.';
-- The view seckill.sale_status runs it as its reader. It reads nothing.
grant execute on function seckill_private.is_on_sale (text, timestamptz, timestamptz, timestamptz)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/internal/activities/sale_status.sql
-- Precedence: ended, not_started, paused, on_sale.
create or replace function seckill_private.sale_status (
  p_state text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_now timestamptz
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when seckill_private.is_on_sale(p_state, p_starts_at, p_ends_at, p_now) then 'on_sale'
  when p_state = 'closed' or p_now >= p_ends_at then 'ended'
  when p_state = 'draft' or p_now < p_starts_at then 'not_started'
  else 'paused'
end;

comment on function seckill_private.sale_status (text, timestamptz, timestamptz, timestamptz) is
  'What an activity in this state is at an instant: ended, not_started, paused or on_sale.';
-- The view seckill.sale_status runs it as its reader. It reads nothing.
grant execute on function seckill_private.sale_status (text, timestamptz, timestamptz, timestamptz)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/internal/activities/activity_at.sql
-- The row has what stands now; what stood before is in the journal of the ops calls.
create or replace function seckill_private.activity_at (
  p_activity seckill_private.activity,
  p_at timestamptz
)
  returns seckill_private.activity
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity := p_activity;
  v_entry record;
begin
  v_activity.state := 'draft';
  for v_entry in
    select e.call, e.arguments, e.answer ->> 'status' as state
      from seckill_private.ops_entry as e
     where e.activity_id = p_activity.activity_id
       and e.call in ('create_activity', 'update_activity', 'open_activity', 'pause_activity',
                      'resume_activity', 'close_activity')
       and (e.at <= p_at or e.call = 'create_activity')
     order by e.entry_id
  loop
    if v_entry.call in ('create_activity', 'update_activity') then
      v_activity.starts_at := coalesce(
        (v_entry.arguments ->> 'starts_at')::timestamp at time zone 'UTC', v_activity.starts_at);
      v_activity.ends_at := coalesce(
        (v_entry.arguments ->> 'ends_at')::timestamp at time zone 'UTC', v_activity.ends_at);
    else
      v_activity.state := v_entry.state;
    end if;
  end loop;
  return v_activity;
end
$function$;

comment on function seckill_private.activity_at (seckill_private.activity, timestamptz) is
  'An activity with the state and the window that it had at an instant.';

-- file: procedures/internal/activities/sale_check.sql
-- Answers: not_started, paused, ended; null while the activity is on sale.
create or replace function seckill_private.sale_check (
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_status text := seckill_private.sale_status(
    p_activity.state, p_activity.starts_at, p_activity.ends_at, p_now);
begin
  v_check.check_name := 'sale';
  if v_status = 'on_sale' then
    return v_check;
  end if;
  v_check.answer := v_status;
  if v_status = 'ended' then
    v_check.retry := 'final';
  else
    v_check.retry := 'not_yet';
    if p_activity.starts_at > p_now then
      v_check.retry_at := p_activity.starts_at;
    end if;
  end if;
  return v_check;
end
$function$;

comment on function seckill_private.sale_check (seckill_private.activity, timestamptz) is
  'Whether an activity is on sale at an instant.';

-- file: procedures/internal/activities/refuse_archived.sql
-- An archived activity stands still, so that its export is whole. Who still moves something in one
-- that is closed (a refund, a payment that came too late) holds this lock until the commit, and
-- archiving waits for it.
-- Locks: the activity's row, for key share: only archive_activity minds.
-- Raises: SK008, as later, when the reservations are gone.
create or replace function seckill_private.refuse_archived (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_archived_at timestamptz;
begin
  select a.archived_at into strict v_archived_at
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     for key share;
  if v_archived_at is not null then
    perform seckill_private.raise_error(
      'SK008', format('activity %s was archived at %s', p_activity_id,
                      v_archived_at at time zone 'UTC'));
  end if;
end
$function$;

comment on function seckill_private.refuse_archived (bigint) is
  'Refuse to change anything in an archived activity, and keep it from being archived meanwhile.';

-- file: procedures/internal/activities/lock_activity.sql
-- Ops calls about one activity go one after another. Buyers never lock its row.
-- Locks: the activity's row, before any slot.
-- Raises: SK001, SK005; SK002, also when it was dropped and not p_dropped_too; SK006 when it is
--   closed and p_open_only.
create or replace function seckill_private.lock_activity (
  p_activity_id bigint,
  p_open_only boolean default true,
  p_dropped_too boolean default false
)
  returns seckill_private.activity
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity;
begin
  perform seckill_private.begin_write();
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  select a.* into v_activity
    from seckill_private.activity as a
   where a.activity_id = p_activity_id
     for no key update;
  if not found or v_activity.dropped_at is not null and not p_dropped_too then
    perform seckill_private.raise_unknown_activity(p_activity_id, v_activity.archived_at);
  elsif p_open_only and v_activity.state = 'closed' then
    perform seckill_private.raise_error('SK006', 'the activity is closed');
  end if;
  return v_activity;
end
$function$;

comment on function seckill_private.lock_activity (bigint, boolean, boolean) is
  'Lock an activity for an ops call.';

-- file: procedures/internal/activities/ops_replay.sql
-- Request ids of ops calls are unique across all of them. The lock makes two calls with one id take
-- turns, so the second finds what the first wrote.
-- Locks: the request id (advisory), before anything else.
-- Raises: SK004 when the id stands for another call, or for other arguments.
create or replace function seckill_private.ops_replay (
  p_call text,
  p_request_id uuid,
  p_arguments jsonb
)
  returns jsonb
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_entry seckill_private.ops_entry;
begin
  if p_request_id is null then
    return null;
  end if;
  perform seckill_private.lock_subject('ops request', p_request_id::text);
  select e.* into v_entry
    from seckill_private.ops_entry as e
   where e.request_id = p_request_id;
  if not found then
    return null;
  elsif v_entry.call <> p_call or v_entry.arguments <> p_arguments then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  perform seckill_private.ensure_durable(clock_timestamp());
  return v_entry.answer;
end
$function$;

comment on function seckill_private.ops_replay (text, uuid, jsonb) is
  'The answer that an ops call with this request id was given before, or null.';

-- file: procedures/internal/activities/ops_record.sql
-- session_user, the login, is kept beside the actor by the column's default.
-- Locks: none; the caller has the activity, or the request id.
create or replace function seckill_private.ops_record (
  p_call text,
  p_activity_id bigint,
  p_request_id uuid,
  p_arguments jsonb,
  p_answer jsonb,
  p_actor text
)
  returns void
  language sql
  volatile
begin atomic
  insert into seckill_private.ops_entry (
    at, call, activity_id, request_id, arguments, answer, actor)
  values (clock_timestamp(), p_call, p_activity_id, p_request_id, p_arguments, p_answer, p_actor);
end;

comment on function seckill_private.ops_record (text, bigint, uuid, jsonb, jsonb, text) is
  'Write an ops call into the journal: who asked, for what, and the answer.';

-- file: procedures/internal/activities/ops_repeat.sql
-- The answer is kept as jsonb: a column of the result's type would keep that type from growing.
create or replace function seckill_private.ops_repeat (
  p_answer jsonb
)
  returns seckill.ops_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result := jsonb_populate_record(null::seckill.ops_result, p_answer);
begin
  v_result.replayed := true;
  return v_result;
end
$function$;

comment on function seckill_private.ops_repeat (jsonb) is
  'A journalled answer, marked as replayed.';

-- file: procedures/internal/activities/change_state.sql
-- An activity that is there already answers replayed, and nothing is written.
-- Locks: the activity.
-- Raises: SK006 when its state is not one of p_from.
create or replace function seckill_private.change_state (
  p_activity_id bigint,
  p_call text,
  p_from text[],
  p_to text,
  p_actor text
)
  returns seckill.ops_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(p_activity_id, false);
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_result.status := p_to;
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_activity.state = p_to;
  if v_result.replayed then
    return v_result;
  elsif v_activity.state <> all (p_from) then
    perform seckill_private.raise_error('SK006', 'the activity is ' || v_activity.state);
  end if;
  update seckill_private.activity as a
     set state = p_to,
         closed_at = case p_to when 'closed' then clock_timestamp() end
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    p_call, p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill_private.change_state (bigint, text, text[], text, text) is
  'Bring an activity from one of some states to another.';

-- file: procedures/internal/activities/lock_rules.sql
-- A rule of one activity is changed under the activity's lock; a global one (null) needs none but
-- the revision counter's, which whoever changes a limit takes.
-- Locks: the activity. Raises: SK002, SK005, SK006 (closed).
create or replace function seckill_private.lock_rules (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.begin_write();
    perform from seckill_private.limits_revision as r for update;
  else
    perform seckill_private.lock_activity(p_activity_id);
  end if;
end
$function$;

comment on function seckill_private.lock_rules (bigint) is
  'Lock what stands before a change of limits: an activity, or the limits of all (null).';

-- file: procedures/internal/activities/newcomer_units.sql
-- What no limit of an activity keeps a user from who has used nothing of them, whatever he orders;
-- 0 where another subject's use counts, or a list has to be looked at. Limits on all activities are
-- not in it (limits_revision.global_limits).
create or replace function seckill_private.newcomer_units (
  p_activity_id bigint
)
  returns bigint
  language sql
  stable
begin atomic
  select case
           when exists (select from seckill_private.list_dimension as d
                         where d.activity_id = p_activity_id
                           and (d.required or d.blocking))
             then 0
           else coalesce(
             min(case
                   when l.dimension <> 'user' then 0
                   when l.metric = 'units' then l.maximum
                 end),
             9223372036854775807)
         end
    from seckill_private.limit_version as l
   where l.activity_id = p_activity_id
     and l.until_revision is null;
end;

comment on function seckill_private.newcomer_units (bigint) is
  'Units that a user without reservations in an activity may order with no look at its limits and '
  'lists; 0: look.';

-- file: procedures/internal/activities/note_rules.sql
-- Whoever changes limits or lists notes here what a newcomer's purchase need not read. Where that
-- stays, as with every block but the first, the row does too: each purchase reads it, and would go
-- through all its versions while an old snapshot keeps them.
-- Locks: none; the caller has the activity, or for limits on all (null) the revision counter.
create or replace function seckill_private.note_rules (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    update seckill_private.limits_revision as r
       set global_limits = (
             select count(*)
               from seckill_private.limit_version as l
              where l.activity_id is null
                and l.until_revision is null)
     where r.only_row;
  else
    update seckill_private.activity as a
       set newcomer_units = seckill_private.newcomer_units(p_activity_id)
     where a.activity_id = p_activity_id
       and a.newcomer_units <> seckill_private.newcomer_units(p_activity_id);
  end if;
end
$function$;

comment on function seckill_private.note_rules (bigint) is
  'Note what stands now of an activity''s limits and lists, or of those on all activities (null).';

-- file: procedures/internal/limits/require_dimension.sql
-- Raises: SK001.
create or replace function seckill_private.require_dimension (
  p_missing text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_missing is not null then
    perform seckill_private.raise_error('SK001', 'p_subjects must have ' || quote_ident(p_missing));
  end if;
end
$function$;

comment on function seckill_private.require_dimension (text) is
  'Refuse a request that lacks a dimension (missing_dimension); null: it lacks none.';

-- file: procedures/internal/limits/missing_dimension.sql
-- Does not raise the error itself: its signature, with the name of a table, would stand in the
-- error's context.
create or replace function seckill_private.missing_dimension (
  p_limits seckill_private.limit_version[],
  p_skus text[],
  p_digests bytea[]
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limit seckill_private.limit_version;
begin
  foreach v_limit in array coalesce(p_limits, '{}') loop
    if v_limit.dimension <> 'user' and v_limit.required
       and (v_limit.sku is null or v_limit.sku = any (p_skus))
       and seckill_private.digest_of(p_digests, v_limit.dimension) is null then
      return v_limit.dimension;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.missing_dimension (
  seckill_private.limit_version[], text[], bytea[]) is
  'A dimension that a limit on some lines requires and that a request does not name, or null.';

-- file: procedures/internal/limits/midnight.sql
-- Where clocks go back over midnight (Havana), a day begins twice: it begins at the first. Where
-- they go forward over it, it begins when the new hour does.
create or replace function seckill_private.midnight (
  p_local_date timestamp,
  p_time_zone text
)
  returns timestamptz
  language sql
  stable
return case
  when (p_local_date at time zone p_time_zone - interval '1 hour') at time zone p_time_zone
       >= p_local_date
    then p_local_date at time zone p_time_zone - interval '1 hour'
  else p_local_date at time zone p_time_zone
end;

comment on function seckill_private.midnight (timestamp, text) is
  'The first instant of a local date in a time zone.';

-- file: procedures/internal/limits/hour_of.sql
-- The last hour of a day is shorter where a clock change is no whole hour.
create or replace function seckill_private.hour_of (
  p_time_zone text,
  p_at timestamptz
)
  returns tstzrange
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_day tstzrange := seckill_private.window_of('day', null, p_time_zone, p_at);
  v_start timestamptz;
begin
  v_start := lower(v_day)
    + make_interval(hours => floor(extract(epoch from p_at - lower(v_day)) / 3600)::integer);
  return tstzrange(v_start, least(v_start + interval '1 hour', upper(v_day)));
end
$function$;

comment on function seckill_private.hour_of (text, timestamptz) is
  'The hour, counted from local midnight, in which an instant lies.';

-- file: procedures/internal/limits/window_of.sql
-- Calendar windows turn over at local midnight, weeks on Monday. The next midnight is taken in
-- local time too: a day has 23 or 25 hours where clocks change. Hours are counted from local
-- midnight, so that they never overlap where clocks change by less than one. An order is a
-- window to itself: nothing else lies in it. A rolling window is open at its start: what was
-- bought at t has left it at t + period. A late payment is dated back, so the purchases after it
-- count too.
create or replace function seckill_private.window_of (
  p_window text,
  p_period interval,
  p_time_zone text,
  p_at timestamptz
)
  returns tstzrange
  language sql
  stable
return case p_window
  when 'order' then 'empty'::tstzrange
  when 'activity' then '[-infinity,infinity)'::tstzrange
  when 'rolling' then tstzrange(
    p_at - make_interval(secs => extract(epoch from p_period)::double precision),
    p_at + make_interval(secs => extract(epoch from p_period)::double precision), '()')
  when 'hour' then seckill_private.hour_of(p_time_zone, p_at)
  else tstzrange(
    seckill_private.midnight(date_trunc(p_window, p_at at time zone p_time_zone), p_time_zone),
    seckill_private.midnight(
      date_trunc(p_window, p_at at time zone p_time_zone) + ('1 ' || p_window)::interval,
      p_time_zone))
end;

comment on function seckill_private.window_of (text, interval, text, timestamptz) is
  'The window of a limit (order, hour, day, week, month, activity, rolling) for an instant.';

-- file: procedures/internal/limits/pools_of_sku.sql
-- Null stands for every pool: a limit without a sku covers them all.
create or replace function seckill_private.pools_of_sku (
  p_sku text,
  p_activity_id bigint
)
  returns bigint[]
  language sql
  stable
begin atomic
  select case
           when p_sku is not null then array(
             select p.pool_id
               from seckill_private.pool as p
              where p.sku = p_sku
                and (p_activity_id is null or p.activity_id = p_activity_id))
         end;
end;

comment on function seckill_private.pools_of_sku (text, bigint) is
  'The pools of a sku in one activity or in all (null); null for a null sku.';

-- file: procedures/internal/limits/covered_lines.sql
-- Apart from covered_units, so that the planner can put that one into its caller.
create or replace function seckill_private.covered_lines (
  p_pool_ids bigint[],
  p_quantities integer[],
  p_restored integer[],
  p_only bigint[]
)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select coalesce(sum(u.quantity - coalesce(u.restored, 0)), 0)::bigint
    from unnest(p_pool_ids, p_quantities, p_restored) as u (pool_id, quantity, restored)
   where p_only is null or u.pool_id = any (p_only);
end;

comment on function seckill_private.covered_lines (bigint[], integer[], integer[], bigint[]) is
  'The same as covered_units, for any number of lines.';

-- file: procedures/internal/limits/covered_units.sql
-- Nearly every reservation has one line, which needs no loop over a set.
create or replace function seckill_private.covered_units (
  p_pool_ids bigint[],
  p_quantities integer[],
  p_restored integer[],
  p_only bigint[]
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when cardinality(p_pool_ids) > 1
    then seckill_private.covered_lines(p_pool_ids, p_quantities, p_restored, p_only)
  when p_only is null or p_pool_ids[1] = any (p_only)
    then p_quantities[1] - coalesce(p_restored[1], 0)
  else 0
end;

comment on function seckill_private.covered_units (bigint[], integer[], integer[], bigint[]) is
  'Units of a reservation in some pools (null: in all) that count for limits.';

-- file: procedures/internal/limits/crosses_activities.sql
-- "One in an activity" set for all activities means one in each of them; "one a month" does not.
create or replace function seckill_private.crosses_activities (
  p_limit seckill_private.limit_version
)
  returns boolean
  language sql
  immutable
  parallel safe
return (p_limit).activity_id is null
   and ((p_limit).metric = 'open_holds' or (p_limit).window_kind not in ('order', 'activity'));

comment on function seckill_private.crosses_activities (seckill_private.limit_version) is
  'Whether a limit counts what a subject did in all activities: a global one, unless its window is '
  'the order or the activity.';

-- file: procedures/internal/limits/subject_keys.sql
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

-- file: procedures/internal/limits/reservations_of.sql
-- By the key for users (p_keys), by the index of digests for everything else: one of the two is
-- null, and its half is not run. No range of buyer_key in the second: it would tempt the planner to
-- read the whole activity by the key.
create or replace function seckill_private.reservations_of (
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea
)
  returns setof seckill_private.reservation
  language sql
  stable
begin atomic
  select r.*
    from seckill_private.reservation as r
   where p_keys is not null
     and r.buyer_key = any (p_keys)
     and r.user_id = p_user_id
   union all
  select r.*
    from seckill_private.reservation as r
   where p_digest is not null
     and r.subjects @> array[p_digest]
     and (p_activity_id is null or (r.buyer_key >> 40) = p_activity_id);
end;

comment on function seckill_private.reservations_of (bigint[], text, bigint, bytea) is
  'The reservations of a user under some keys, or of another subject in an activity (null: in all).';

-- file: procedures/internal/limits/counted.sql
-- What a reservation counts for a metric: units, orders, open_holds, expired_holds. A hold counts
-- until it ends, swept or not; one that ended unpaid is an expired hold for ever, paid late or not.
create or replace function seckill_private.counted (
  p_metric text,
  p_reservation seckill_private.reservation,
  p_only bigint[],
  p_now timestamptz
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when p_metric = 'expired_holds' then case
    when ((p_reservation).late_status = 'confirmed'
          or (p_reservation).state in ('held', 'expired') and (p_reservation).expires_at <= p_now)
     and (p_only is null or (p_reservation).pool_ids && p_only)
      then 1 else 0 end
  when (p_reservation).state in ('held', 'expired') and (p_reservation).expires_at <= p_now then 0
  when (p_reservation).state = 'cancelled' then 0
  when p_metric = 'open_holds' then case
    when (p_reservation).state in ('held', 'expired')
     and (p_only is null or (p_reservation).pool_ids && p_only)
      then 1 else 0 end
  when p_metric = 'units' then seckill_private.covered_units(
    (p_reservation).pool_ids, (p_reservation).quantities, (p_reservation).restored, p_only)
  else least(1, seckill_private.covered_units(
    (p_reservation).pool_ids, (p_reservation).quantities, (p_reservation).restored, p_only))
end;

comment on function seckill_private.counted (
  text, seckill_private.reservation, bigint[], timestamptz) is
  'What a reservation counts for a metric at an instant, over some pools (null: all).';

-- file: procedures/internal/limits/leaves_window.sql
-- One period after its date; an unpaid hold when it ends, if that is sooner.
create or replace function seckill_private.leaves_window (
  p_limit seckill_private.limit_version,
  p_reservation seckill_private.reservation
)
  returns timestamptz
  language sql
  stable
  parallel safe
return case
  when (p_limit).metric = 'expired_holds' then (p_reservation).expires_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision)
  when (p_reservation).state in ('held', 'expired') then least(
    (p_reservation).expires_at,
    (p_reservation).created_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision))
  else (p_reservation).created_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision)
end;

comment on function seckill_private.leaves_window (
  seckill_private.limit_version, seckill_private.reservation) is
  'When a reservation leaves the window of a rolling limit.';

-- file: procedures/internal/limits/leaves_at.sql
-- p_excess: how much has to leave before one more purchase fits; the first to leave where nothing
-- has to.
create or replace function seckill_private.leaves_at (
  p_limit seckill_private.limit_version,
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_only bigint[],
  p_now timestamptz,
  p_window tstzrange,
  p_excess bigint
)
  returns timestamptz
  language sql
  stable
begin atomic
  select min(d.leaves_at) filter (where d.running >= greatest(p_excess, 1))
    from (select u.leaves_at,
                 sum(u.used) over (order by u.leaves_at, u.reservation_id) as running
            from (select case when (p_limit).metric = 'expired_holds'
                           then r.expires_at else r.created_at
                         end as dated,
                         seckill_private.leaves_window(p_limit, r) as leaves_at,
                         r.reservation_id,
                         seckill_private.counted((p_limit).metric, r, p_only, p_now) as used
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r) as u
           where u.dated <@ p_window
             and u.used > 0) as d;
end;

comment on function seckill_private.leaves_at (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint) is
  'When enough of what a rolling limit counts has left its window.';

-- file: procedures/internal/limits/rolling_peak.sql
-- A late payment is dated back, into the middle of p_window: every rolling window that holds it
-- then must have room. Each ends with a purchase, its own or a later one.
create or replace function seckill_private.rolling_peak (
  p_limit seckill_private.limit_version,
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_only bigint[],
  p_now timestamptz,
  p_window tstzrange,
  p_except bigint
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(max(w.used), 0)::bigint
    from (select u.dated,
                 (select sum(seckill_private.counted((p_limit).metric, r, p_only, p_now))
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r
                   where r.reservation_id is distinct from p_except
                     and r.created_at <= u.dated
                     and r.created_at > u.dated - u.length) as used,
                 u.length
            from (select r.created_at as dated,
                         make_interval(
                           secs => extract(epoch from (p_limit).period)::double precision
                         ) as length
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r) as u
           where u.dated <@ p_window) as w
   where w.dated >= lower(p_window) + w.length;
end;

comment on function seckill_private.rolling_peak (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint) is
  'The most that any rolling window holds which a late payment falls into, without itself.';

-- file: procedures/internal/limits/limit_use_of.sql
-- Read from the reservations of the subject, which is exact because every writer that may raise the
-- use holds the subject's lock (lock_subject, lock_digests); sweeps and revocations lower it
-- without. p_except leaves one out: a late payment is not its own competitor. Holds that ended are
-- dated by their end, all else by the purchase. "offset 0" keeps the planner from counting each row
-- once for every aggregate. A phone or an address is new in most purchases, which then cost one
-- probe.
create or replace function seckill_private.limit_use_of (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_wanted bigint,
  p_now timestamptz,
  p_window tstzrange,
  p_except bigint
)
  returns seckill_private.limit_use
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_use seckill_private.limit_use;
  v_scope bigint := case
    when not seckill_private.crosses_activities(p_limit) then p_activity.activity_id
  end;
  v_keys bigint[] := seckill_private.subject_keys(
    p_limit, p_activity.activity_id, p_user_id, least(lower(p_window), p_now));
  v_only bigint[] := case
    when p_limit.sku is not null then seckill_private.pools_of_sku(p_limit.sku, v_scope)
  end;
  v_dated_by_end boolean := p_limit.metric = 'expired_holds';
begin
  if p_digest is not null and not exists (
       select from seckill_private.reservation as r where r.subjects @> array[p_digest]) then
    v_use.used := 0;
    v_use.unpaid := 0;
    return v_use;
  end if;
  select coalesce(sum(u.used), 0),
         coalesce(sum(u.used) filter (where u.unpaid), 0),
         min(u.expires_at) filter (where u.unpaid and u.used > 0),
         max(u.seen_at)
    into v_use.used, v_use.unpaid, v_use.first_expiry, v_use.seen_at
    from (select case
                   when r.reservation_id is not distinct from p_except then 0
                   when not case when v_dated_by_end then r.expires_at else r.created_at end
                            <@ p_window then 0
                   else seckill_private.counted(p_limit.metric, r, v_only, p_now)
                 end as used,
                 r.state in ('held', 'expired') and not v_dated_by_end as unpaid, r.expires_at,
                 greatest(r.created_at, r.resolved_at, r.refunded_at) as seen_at
            from seckill_private.reservations_of(v_keys, p_user_id, v_scope, p_digest) as r
          offset 0) as u;
  if p_limit.window_kind = 'rolling' and p_except is not null then
    v_use.used := seckill_private.rolling_peak(
      p_limit, v_keys, p_user_id, v_scope, p_digest, v_only, p_now, p_window, p_except);
  elsif p_limit.window_kind = 'rolling' then
    v_use.leaves_at := seckill_private.leaves_at(
      p_limit, v_keys, p_user_id, v_scope, p_digest, v_only, p_now, p_window,
      v_use.used + p_wanted - p_limit.maximum);
  end if;
  return v_use;
end
$function$;

comment on function seckill_private.limit_use_of (
  seckill_private.limit_version, seckill_private.activity, text, bytea, bigint, timestamptz,
  tstzrange, bigint) is
  'What one subject has used of a limit in a window, in the limit''s metric.';

-- file: procedures/internal/limits/wanted_lines.sql
-- Apart from wanted, so that the planner can put that one into its caller.
create or replace function seckill_private.wanted_lines (
  p_limit seckill_private.limit_version,
  p_skus text[],
  p_quantities integer[]
)
  returns bigint
  language sql
  immutable
  parallel safe
begin atomic
  select case
           when (p_limit).metric = 'units' then coalesce(sum(l.quantity), 0)::bigint
           else least(count(*), 1)
         end
    from unnest(p_skus, p_quantities) as l (sku, quantity)
   where (p_limit).sku is null
      or l.sku = (p_limit).sku;
end;

comment on function seckill_private.wanted_lines (
  seckill_private.limit_version, text[], integer[]) is
  'The same as wanted, for any number of lines.';

-- file: procedures/internal/limits/wanted.sql
-- Orders and holds count one, however many units they have. Nearly every order has one line, which
-- needs no loop over a set.
create or replace function seckill_private.wanted (
  p_limit seckill_private.limit_version,
  p_skus text[],
  p_quantities integer[]
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when p_skus is null then 1
  when cardinality(p_skus) > 1 then seckill_private.wanted_lines(p_limit, p_skus, p_quantities)
  when (p_limit).sku <> p_skus[1] then 0
  when (p_limit).metric = 'units' then p_quantities[1]
  else 1
end;

comment on function seckill_private.wanted (
  seckill_private.limit_version, text[], integer[]) is
  'What an order would add to a limit''s metric: units of the covered lines, else 1; 0 where none '
  'is covered. 1 without lines (null).';

-- file: procedures/internal/limits/limit_check.sql
-- A row of nulls where the limit does not cover the order: none of its lines, or a subject that the
-- request does not name. A limit on units counts the order's lines together. Without lines (null):
-- what the limit says of one more of anything. p_window_at, p_except: a late payment counts in the
-- windows of its purchase, is not its own competitor, and is asked for units and orders only:
-- limits against hoarding want holds to be paid. p_use: what was used at an instant of the past
-- (usage_at); null: it is read from the reservations.
-- resets_at: when the window turns over; of a rolling one, when what is wanted fits; of open holds,
--   when the first of them ends.
-- Answers: limit_exceeded; null while what is wanted (units or orders) is allowed.
-- Retry: final when no waiting helps (more is wanted than the limit allows at all, or the window
--   outlives the sale), may_return while unpaid holds of the subject stand in the way, also where
--   the window turns over before they end: who pays or cancels need not wait for it; else not_yet.
-- retry_at: the first instant at which a hold ends or the window turns over.
create or replace function seckill_private.limit_check (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint,
  p_use seckill_private.limit_use default null
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_wanted bigint := seckill_private.wanted(p_limit, p_skus, p_quantities);
  v_digest bytea := case
    when p_limit.dimension <> 'user' then seckill_private.digest_of(p_digests, p_limit.dimension)
  end;
  v_window tstzrange;
  v_use seckill_private.limit_use;
begin
  if v_wanted <= 0 or p_limit.dimension <> 'user' and v_digest is null
     or p_except is not null and p_limit.metric not in ('units', 'orders') then
    return null;
  end if;
  v_window := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone),
    p_window_at);
  if p_use is null then
    v_use := seckill_private.limit_use_of(
      p_limit, p_activity, p_user_id, v_digest, v_wanted, p_now, v_window, p_except);
  else
    v_use := p_use;
  end if;
  v_check.check_name := 'limit';
  v_check.limit_name := p_limit.name;
  v_check.dimension := p_limit.dimension;
  v_check.used := v_use.used;
  v_check.maximum := p_limit.maximum;
  v_check.remaining := greatest(p_limit.maximum - v_use.used, 0);
  v_check.seen_at := v_use.seen_at;
  v_check.resets_at := case
    when p_limit.metric = 'open_holds' then v_use.first_expiry
    when p_limit.window_kind = 'rolling' then v_use.leaves_at
    when p_limit.window_kind <> 'activity' then upper(v_window)
  end;
  if v_use.used + v_wanted <= p_limit.maximum then
    return v_check;
  end if;
  v_check.answer := 'limit_exceeded';
  if v_wanted > p_limit.maximum then
    v_check.retry := 'final';
  elsif v_use.used - v_use.unpaid + v_wanted <= p_limit.maximum then
    v_check.retry := 'may_return';
    v_check.retry_at := least(v_use.first_expiry, v_check.resets_at);
  elsif v_check.resets_at < p_activity.ends_at then
    v_check.retry := 'not_yet';
    v_check.retry_at := v_check.resets_at;
  else
    v_check.retry := 'final';
  end if;
  return v_check;
end
$function$;

comment on function seckill_private.limit_check (
  seckill_private.limit_version, seckill_private.activity, text, bytea[], text[], integer[],
  timestamptz, timestamptz, bigint, seckill_private.limit_use) is
  'Whether a limit allows a purchase, and what its subject has used of it.';

-- file: procedures/internal/limits/limits_at.sql
-- Every change of a limit is one revision and one entry of the journal, so the revision of an
-- instant is the present one less the changes since. What applied then is found as find_sale finds
-- it now.
create or replace function seckill_private.limits_at (
  p_activity_id bigint,
  p_at timestamptz
)
  returns seckill_private.limit_version[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_revision bigint := (
    select r.revision - (
             select count(*) from seckill_private.ops_entry as e
              where e.call in ('set_limit', 'drop_limit') and e.at > p_at)
      from seckill_private.limits_revision as r);
begin
  return (
    with standing as (
      select l
        from seckill_private.limit_version as l
       where (l.activity_id = p_activity_id or l.activity_id is null)
         and l.since_revision <= v_revision
         and (l.until_revision is null or l.until_revision > v_revision)
    )
    select array_agg(s.l order by (s.l).name collate "C")
      from standing as s
     where (s.l).activity_id is not null
        or not exists (
             select from standing as o
              where (o.l).activity_id is not null and (o.l).name = (s.l).name));
end
$function$;

comment on function seckill_private.limits_at (bigint, timestamptz) is
  'The limits that applied in an activity at an instant, sorted by name.';

-- file: procedures/internal/limits/usage_at.sql
-- What limit_use_of reads from the reservations that stand: those of then are those of now that had
-- been made, as they were (reservation_at). One more purchase is wanted.
create or replace function seckill_private.usage_at (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_at timestamptz
)
  returns seckill_private.limit_use
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_use seckill_private.limit_use;
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone), p_at);
  v_scope bigint := case
    when not seckill_private.crosses_activities(p_limit) then p_activity.activity_id
  end;
  v_only bigint[] := seckill_private.pools_of_sku(p_limit.sku, v_scope);
begin
  select coalesce(sum(u.used), 0), coalesce(sum(u.used) filter (where u.unpaid), 0),
         min(u.expires_at) filter (where u.unpaid),
         min(u.leaves_at) filter (where u.running >= greatest(u.total + 1 - p_limit.maximum, 1))
    into v_use.used, v_use.unpaid, v_use.first_expiry, v_use.leaves_at
    from (select d.*, sum(d.used) over () as total,
                 sum(d.used) over (order by d.leaves_at, d.reservation_id) as running
            from (select r.reservation_id, r.expires_at,
                         seckill_private.leaves_window(p_limit, r) as leaves_at,
                         r.state in ('held', 'expired') and p_limit.metric <> 'expired_holds'
                           as unpaid,
                         case p_limit.metric
                           when 'expired_holds' then r.expires_at else r.created_at
                         end as dated,
                         seckill_private.counted(p_limit.metric, r, v_only, p_at) as used
                    from seckill_private.reservations_of(
                           seckill_private.subject_keys(
                             p_limit, p_activity.activity_id, p_user_id,
                             least(lower(v_window), p_at)),
                           p_user_id, v_scope, p_digest) as o
                   cross join lateral seckill_private.reservation_at(o, p_at) as r
                   where r.created_at <= p_at) as d
           where d.dated <@ v_window and d.used > 0) as u;
  return v_use;
end
$function$;

comment on function seckill_private.usage_at (
  seckill_private.limit_version, seckill_private.activity, text, bytea, timestamptz) is
  'What one subject had used of a limit at an instant.';

-- file: procedures/internal/limits/limit_checks.sql
-- One check for each limit that covers the order, by name (find_sale sorts them).
create or replace function seckill_private.limit_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint default null
)
  returns setof seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limit seckill_private.limit_version;
  v_check seckill_private.check;
begin
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_check := seckill_private.limit_check(
      v_limit, p_sale.activity, p_user_id, p_digests, p_skus, p_quantities, p_now, p_window_at,
      p_except);
    if v_check.check_name is not null then
      return next v_check;
    end if;
  end loop;
end
$function$;

comment on function seckill_private.limit_checks (
  seckill_private.sale, text, bytea[], text[], integer[], timestamptz, timestamptz, bigint) is
  'What the limits of an activity say of a purchase, a row for each that covers it (limit_check).';

-- file: procedures/internal/limits/usage_checks_at.sql
-- Raises: SK002.
create or replace function seckill_private.usage_checks_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_digests bytea[]
)
  returns setof seckill.check_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sale seckill_private.sale := seckill_private.load_sale(p_activity_id);
  v_now timestamptz := seckill_private.now_at(p_now, null, p_activity_id, p_user_id);
begin
  return query
    select s.*
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, null, null, v_now, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
end
$function$;

comment on function seckill_private.usage_checks_at (timestamptz, bigint, text, bytea[]) is
  'What is used of each limit at a given instant (null: the clock); the body of '
  'seckill.limit_usage.';

-- file: procedures/internal/limits/limit_that_counts.sql
-- A limit on all activities counts what was bought in each of them, for as long as its window is.
-- Holds that ended are dated by their end (expired_holds), 30 days after the last purchase at most
-- (subject_keys). A day more, since days and months are those of some zone.
create or replace function seckill_private.limit_that_counts (
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns text
  language sql
  stable
begin atomic
  select min(l.name)
    from seckill_private.limit_version as l
   where l.activity_id is null
     and l.until_revision is null
     and l.window_kind in ('hour', 'day', 'week', 'month', 'rolling')
     and (p_activity).closed_at
         + case l.metric when 'expired_holds' then interval '30 days' else interval '0' end
         + case l.window_kind
             when 'rolling' then l.period
             when 'month' then interval '31 days'
             when 'week' then interval '7 days'
             else interval '1 day'
           end + interval '1 day' > p_now;
end;

comment on function seckill_private.limit_that_counts (seckill_private.activity, timestamptz) is
  'A limit on all activities that may still count what was bought in this one, or null.';

-- file: procedures/internal/limits/limit_stands.sql
-- Compared by meaning: two calls with the same arguments need no second version.
create or replace function seckill_private.limit_stands (
  p_limit seckill_private.limit_version
)
  returns boolean
  language sql
  stable
begin atomic
  select exists (
    select from seckill_private.limit_version as l
     where l.activity_id is not distinct from (p_limit).activity_id
       and l.name = (p_limit).name
       and l.until_revision is null
       and (l.dimension, l.metric, l.window_kind, l.maximum, l.required)
         = ((p_limit).dimension, (p_limit).metric, (p_limit).window_kind, (p_limit).maximum,
            (p_limit).required)
       and (l.sku, l.period, l.time_zone)
         is not distinct from ((p_limit).sku, (p_limit).period, (p_limit).time_zone));
end;

comment on function seckill_private.limit_stands (seckill_private.limit_version) is
  'Whether a limit stands exactly like this already.';

-- file: procedures/internal/limits/end_limit.sql
-- The counter's row is locked until commit: revisions become visible in their order.
-- Locks: the revision counter.
create or replace function seckill_private.end_limit (
  p_activity_id bigint,
  p_name text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_revision bigint;
begin
  update seckill_private.limits_revision as r
     set revision = r.revision + 1
  returning r.revision into strict v_revision;
  update seckill_private.limit_version as l
     set until_revision = v_revision
   where l.activity_id is not distinct from p_activity_id
     and l.name = p_name
     and l.until_revision is null;
  return v_revision;
end
$function$;

comment on function seckill_private.end_limit (bigint, text) is
  'Begin a new revision of the limits, in which the limit of this name stands no more; its number.';

-- file: procedures/internal/stock/return_unsold.sql
-- Holds live on; closed makes what they release later follow to the inventory. Those that have
-- ended count as available, swept or not: they are given back first, and what was not yet released
-- is released. One that another call has in hand (a sweeper, a late payment) follows when that is
-- done. Each pool by the time that it has seen: another may be ahead, and a hold that lives stays.
-- An ended order may have units of several pools, so all are settled before the first is emptied.
-- Locks: the slots of the activity ascending; the inventory of all its skus, at once, since what
--   pools in debt get back goes there too; reservations by SKIP LOCKED.
create or replace function seckill_private.return_unsold (
  p_now timestamptz,
  p_activity_id bigint,
  p_actor text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := array(
    select p.pool_id from seckill_private.pool as p where p.activity_id = p_activity_id);
  v_pool_id bigint;
  v_now timestamptz;
  v_lines seckill_private.unit_line[];
  v_units bigint := 0;
begin
  perform from seckill_private.pool_slot as s
    where s.pool_id = any (v_pool_ids)
    order by s.pool_id, s.slot
      for update;
  perform from seckill_private.inventory as i
    where i.sku = any (array(
            select p.sku from seckill_private.pool as p where p.activity_id = p_activity_id))
    order by i.sku collate "C"
      for update;
  foreach v_pool_id in array v_pool_ids loop
    perform seckill_private.settle_pool(
      seckill_private.now_at(p_now, array[v_pool_id]), p_activity_id, v_pool_id, p_actor);
  end loop;
  foreach v_pool_id in array v_pool_ids loop
    v_now := seckill_private.now_at(p_now, array[v_pool_id]);
    perform seckill_private.release_due(v_now, 'infinity', array[v_pool_id], p_actor);
    v_lines := array(
      select row(s.pool_id, s.slot, s.available, null, null)::seckill_private.unit_line
        from seckill_private.pool_slot as s
       where s.pool_id = v_pool_id
         and s.available > 0);
    perform seckill_private.post_movements(
      v_now, 'close', 'available', 'inventory', v_lines, p_actor);
    v_units := v_units + (select coalesce(sum(l.quantity), 0) from unnest(v_lines) as l);
  end loop;
  update seckill_private.pool_slot as s
     set closed = true
   where s.pool_id = any (v_pool_ids);
  return v_units;
end
$function$;

comment on function seckill_private.return_unsold (timestamptz, bigint, text) is
  'Give what is available in an activity back to the inventory, and shut its pools; units '
  'returned.';

-- file: procedures/internal/stock/pools_of_lines.sql
-- Regions are matched exactly.
create or replace function seckill_private.pools_of_lines (
  p_activity_id bigint,
  p_skus text[],
  p_region text
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return array(
    select p.pool_id
      from unnest(p_skus) with ordinality as l (sku, line)
      left join seckill_private.pool as p
        on p.activity_id = p_activity_id
       and p.sku = l.sku
       and p.region = p_region
     order by l.line);
end
$function$;

comment on function seckill_private.pools_of_lines (bigint, text[], text) is
  'The pools of some skus in a region of an activity, in the order of the skus; null for one that '
  'is not there.';

-- file: procedures/internal/stock/find_pools.sql
-- Raises: SK003.
create or replace function seckill_private.find_pools (
  p_activity_id bigint,
  p_skus text[],
  p_region text
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := seckill_private.pools_of_lines(p_activity_id, p_skus, p_region);
begin
  if array_position(v_pool_ids, null) is not null then
    perform seckill_private.raise_error(
      'SK003', 'activity ' || p_activity_id || ' does not sell this sku in this region');
  end if;
  return v_pool_ids;
end
$function$;

comment on function seckill_private.find_pools (bigint, text[], text) is
  'The same as pools_of_lines, where each must be there.';

-- file: procedures/internal/stock/find_pool.sql
-- Raises: SK003.
create or replace function seckill_private.find_pool (
  p_activity_id bigint,
  p_sku text,
  p_region text
)
  returns bigint
  language sql
  stable
return (seckill_private.find_pools(p_activity_id, array[p_sku], p_region))[1];

comment on function seckill_private.find_pool (bigint, text, text) is
  'The pool of (activity, sku, region).';

-- file: procedures/internal/stock/short_pools.sql
-- By the stored counters: holds that have ended and releases that are due are not in them yet
-- (settle_short).
create or replace function seckill_private.short_pools (
  p_pool_ids bigint[],
  p_quantities bigint[]
)
  returns bigint[]
  language sql
  stable
begin atomic
  select array_agg(l.pool_id)
    from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity)
   where l.quantity > (
           select sum(s.available) from seckill_private.pool_slot as s where s.pool_id = l.pool_id);
end;

comment on function seckill_private.short_pools (bigint[], bigint[]) is
  'Those of some pools whose counter of available units is too low; null where none is.';

-- file: procedures/internal/stock/available_of.sql
-- A lower bound: ended holds and due releases are not in it.
create or replace function seckill_private.available_of (
  p_pool_ids bigint[]
)
  returns bigint[]
  language sql
  stable
begin atomic
  select array(
    select (select sum(s.available)::bigint
              from seckill_private.pool_slot as s
             where s.pool_id = p.pool_id)
      from unnest(p_pool_ids) with ordinality as p (pool_id, ordinal)
     order by p.ordinal);
end;

comment on function seckill_private.available_of (bigint[]) is
  'The stored counters of available units of some pools, in their order.';

-- file: procedures/internal/stock/pool_balance.sql
-- What a pool holds at an instant: the counters, with the units of ended holds given back, to the
-- inventory where the activity is closed or the pool owes units, and due releases made. Holds and
-- releases are looked at only where one may be due.
create or replace function seckill_private.pool_balance (
  p_activity_id bigint,
  p_pool_id bigint,
  p_now timestamptz
)
  returns seckill.availability_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_balance seckill.availability_result;
  v_slots record;
  v_due bigint := 0::bigint;
  v_lost bigint;
  v_released bigint := 0::bigint;
begin
  select sum(s.total)::bigint as total, sum(s.available)::bigint as available,
         sum(s.held)::bigint as held, sum(s.sold)::bigint as sold, sum(s.epoch)::bigint as epoch,
         min(s.next_expiry) as next_expiry, min(s.next_release) as next_release,
         bool_or(s.closed) as closed, sum(s.owed)::bigint as owed
    into v_slots
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id;
  if v_slots.next_expiry <= p_now then
    v_due := seckill_private.due_units(p_activity_id, p_pool_id, p_now);
  end if;
  if v_slots.next_release <= p_now then
    v_released := seckill_private.due_releases(p_pool_id, p_now);
  end if;
  v_lost := case when v_slots.closed then v_due else least(v_due, v_slots.owed) end;
  v_balance.total := v_slots.total - v_lost;
  v_balance.available := v_slots.available + v_released + v_due - v_lost;
  v_balance.held := v_slots.held - v_due;
  v_balance.sold := v_slots.sold;
  v_balance.epoch := v_slots.epoch;
  return v_balance;
end
$function$;

comment on function seckill_private.pool_balance (bigint, bigint, timestamptz) is
  'The units of a pool at an instant, all slots together; status is left null.';

-- file: procedures/internal/stock/stock_returns.sql
-- Retry: not_yet while a release is scheduled, may_return while units are held, else final. The
--   answer sold_out can change by itself at the first of both.
-- p_next_release: no release is due before it, and none at all where it is infinity.
-- p_next_expiry: no hold of the pool ends before it. Those of the activity's other pools that do
--   need not be looked through then.
create or replace function seckill_private.stock_returns (
  p_activity_id bigint,
  p_pool_id bigint,
  p_held bigint,
  p_next_release timestamptz,
  p_next_expiry timestamptz,
  p_now timestamptz,
  out retry text,
  out retry_at timestamptz
)
  returns record
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_release_at timestamptz;
begin
  retry := 'final';
  if p_held > 0 then
    retry := 'may_return';
    retry_at := seckill_private.first_expiry(
      p_activity_id, p_pool_id, greatest(p_now, p_next_expiry - interval '1 microsecond'));
  end if;
  if p_next_release < 'infinity' then
    v_release_at := seckill_private.next_release(p_pool_id, p_now);
    if v_release_at is not null then
      retry := 'not_yet';
      retry_at := least(retry_at, v_release_at);
    end if;
  end if;
end
$function$;

comment on function seckill_private.stock_returns (
  bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
  'Whether a pool that has sold out may have units again, and when at the earliest.';

-- file: procedures/internal/stock/stock_check.sql
-- Answers: sold_out; null while the pool has the units. Retry: stock_returns.
create or replace function seckill_private.stock_check (
  p_activity_id bigint,
  p_pool_id bigint,
  p_sku text,
  p_quantity bigint,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_balance seckill.availability_result :=
    seckill_private.pool_balance(p_activity_id, p_pool_id, p_now);
  v_returns record;
begin
  v_check.check_name := 'stock';
  v_check.sku := p_sku;
  v_check.used := v_balance.held + v_balance.sold;
  v_check.maximum := v_balance.total;
  v_check.remaining := v_balance.available;
  if v_balance.available >= p_quantity then
    return v_check;
  end if;
  v_returns := seckill_private.stock_returns(
    p_activity_id, p_pool_id, v_balance.held, '-infinity',
    (select min(s.next_expiry) from seckill_private.pool_slot as s where s.pool_id = p_pool_id),
    p_now);
  v_check.answer := 'sold_out';
  v_check.epoch := v_balance.epoch;
  v_check.retry := v_returns.retry;
  v_check.retry_at := v_returns.retry_at;
  return v_check;
end
$function$;

comment on function seckill_private.stock_check (bigint, bigint, text, bigint, timestamptz) is
  'Whether a pool has the units of a line.';

-- file: procedures/internal/stock/next_position.sql
-- The order of the feed. A transaction id alone says when a transaction began to write, not when it
-- had the slot, so a row's position is at least that of the row before it on the slot: positions
-- never fall from one version of a slot to the next. And a position is never below its own
-- transaction's id: once every transaction below some id has ended, no row can come in before it.
create or replace function seckill_private.next_position (
  p_position bigint,
  p_base bigint
)
  returns bigint
  language sql
  volatile
return greatest(p_position, p_base + pg_current_xact_id()::text::bigint);

comment on function seckill_private.next_position (bigint, bigint) is
  'The position in the feed of what this transaction moves on a slot, after what stands at '
  'p_position.';

-- file: procedures/internal/stock/moved.sql
-- Double entry: what leaves the source arrives in the target, and no other account notices.
create or replace function seckill_private.moved (
  p_source text,
  p_target text,
  p_account text
)
  returns integer
  language sql
  immutable
  parallel safe
return (p_target = p_account)::integer - (p_source = p_account)::integer;

comment on function seckill_private.moved (text, text, text) is
  'What a movement of one unit from source to target does to an account: 1, 0 or -1.';

-- file: procedures/internal/stock/move_inventory.sql
-- Locks: the sku's inventory row, the last in the lock order.
-- Raises: SK007 when fewer units are there than are taken out; SK001 when more than 10^15
--   of one sku are received (what comes back was in there before).
create or replace function seckill_private.move_inventory (
  p_now timestamptz,
  p_sku text,
  p_delta bigint,
  p_kind text,
  p_pool_id bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.inventory;
begin
  update seckill_private.inventory as i
     set quantity = i.quantity + p_delta,
         version = i.version + 1
   where i.sku = p_sku
     and i.quantity + p_delta >= 0
  returning * into v_row;
  if not found then
    perform seckill_private.raise_error('SK007', 'the inventory has fewer than ' || -p_delta);
  elsif p_kind = 'receive' and v_row.quantity > 1000000000000000 then
    perform seckill_private.raise_error('SK001', 'the inventory takes 10^15 units of a sku');
  end if;
  insert into seckill_private.inventory_movement (
    sku, version, kind, delta, pool_id, at, actor, note)
  values (p_sku, v_row.version, p_kind, p_delta, p_pool_id, p_now, p_actor, p_note);
  return v_row.quantity;
end
$function$;

comment on function seckill_private.move_inventory (
  timestamptz, text, bigint, text, bigint, text, text) is
  'Add units to the inventory of a sku, or take them (negative), with a ledger row; what it has '
  'now.';

-- file: procedures/internal/stock/require_inventory.sql
-- Units that pay a debt come back to the inventory at once, so on balance an allocation may need
-- fewer than it allocates; it may not allocate what is not there.
-- Locks: the sku's inventory row, the last in the lock order.
-- Raises: SK007.
create or replace function seckill_private.require_inventory (
  p_sku text,
  p_quantity bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform from seckill_private.inventory as i
    where i.sku = p_sku
      and i.quantity >= p_quantity
      for update;
  if not found then
    perform seckill_private.raise_error('SK007', 'the inventory has fewer than ' || p_quantity);
  end if;
end
$function$;

comment on function seckill_private.require_inventory (text, bigint) is
  'Refuse a call that takes more units of a sku than the inventory has.';

-- file: procedures/internal/stock/move_inventories.sql
-- Each inventory row is locked once, however many slots of its pools gave or took units.
-- Raises: SK007 when the inventory has too few.
-- Locks: inventory rows ascending by sku.
create or replace function seckill_private.move_inventories (
  p_now timestamptz,
  p_kind text,
  p_pool_ids bigint[],
  p_deltas bigint[],
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_group record;
begin
  for v_group in
    select p.sku, p.pool_id, sum(u.delta)::bigint as delta
      from unnest(p_pool_ids, p_deltas) as u (pool_id, delta)
      join seckill_private.pool as p on p.pool_id = u.pool_id
     group by p.sku, p.pool_id
    having sum(u.delta) <> 0
     order by p.sku collate "C", p.pool_id
  loop
    perform seckill_private.move_inventory(
      p_now, v_group.sku, v_group.delta, p_kind, v_group.pool_id, p_actor, p_note);
  end loop;
end
$function$;

comment on function seckill_private.move_inventories (
  timestamptz, text, bigint[], bigint[], text, text) is
  'Add to the inventory what slots gave up, and take what they were given.';

-- file: procedures/internal/stock/pay_debt.sql
-- Called with the slot locked, and the pool's first one, on which the debt stands. p_note: the kind
-- of the movement that brought the units.
create or replace function seckill_private.pay_debt (
  p_now timestamptz,
  p_activity_id bigint,
  p_shard smallint,
  p_pool_id bigint,
  p_slot smallint,
  p_version bigint,
  p_position bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language sql
  volatile
begin atomic
  update seckill_private.pool_slot as s
     set owed = s.owed - p_quantity
   where s.pool_id = p_pool_id
     and s.slot = 0;
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity, at,
    actor, note)
  values (
    p_activity_id, p_shard, p_pool_id, p_slot, p_version, p_position, 'drain', 'available',
    'inventory', p_quantity, p_now, p_actor, p_note);
end;

comment on function seckill_private.pay_debt (
  timestamptz, bigint, smallint, bigint, smallint, bigint, bigint, bigint, text, text) is
  'Write down that units which came back to a slot went on to the inventory, to pay what the pool '
  'owes.';

-- file: procedures/internal/stock/lock_returns.sql
-- What a pool owes stands on its first slot, and is paid by what comes back to any. So the first
-- slot is locked too, and as the lowest before the others: a debt that is made meanwhile
-- (set_stock_total locks all slots) is made before or after, and not passed over. What comes back
-- to first slots alone needs none of this.
-- Locks: slots ascending.
create or replace function seckill_private.lock_returns (
  p_target text,
  p_lines seckill_private.unit_line[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_target = 'available' and exists (select from unnest(p_lines) as l where l.slot > 0) then
    perform
       from seckill_private.pool_slot as s
      where s.pool_id = any (array(select l.pool_id from unnest(p_lines) as l))
        and (s.slot = 0
             or (s.pool_id, s.slot) in (select l.pool_id, l.slot from unnest(p_lines) as l))
      order by s.pool_id, s.slot
        for update;
  end if;
end
$function$;

comment on function seckill_private.lock_returns (text, seckill_private.unit_line[]) is
  'Lock the slots that units come back to (p_target: available), and the first of each pool.';

-- file: procedures/internal/stock/spread_units.sql
-- The first slots have the units that are over. A pool of one slot has one line.
create or replace function seckill_private.spread_units (
  p_pool_id bigint,
  p_quantity bigint
)
  returns seckill_private.unit_line[]
  language sql
  stable
begin atomic
  select array_agg(row(p_pool_id, l.slot, l.units, null, null)::seckill_private.unit_line)
    from (select n.slot, p_quantity / p.slots + (n.slot < p_quantity % p.slots)::integer as units
            from seckill_private.pool as p
           cross join lateral generate_series(0, p.slots - 1) as n (slot)
           where p.pool_id = p_pool_id) as l
   where l.units > 0;
end;

comment on function seckill_private.spread_units (bigint, bigint) is
  'So many units in even shares for the slots of a pool, as post_movements takes them.';

-- file: procedures/internal/stock/available_lines.sql
-- Called with the pool's slots locked.
create or replace function seckill_private.available_lines (
  p_pool_id bigint,
  p_quantity bigint
)
  returns seckill_private.unit_line[]
  language sql
  stable
begin atomic
  select array_agg(row(p_pool_id, c.slot, c.units, null, null)::seckill_private.unit_line)
    from (select s.slot,
                 least(s.available, p_quantity - (
                   sum(s.available) over (order by s.slot) - s.available)) as units
            from seckill_private.pool_slot as s
           where s.pool_id = p_pool_id) as c
   where c.units > 0;
end;

comment on function seckill_private.available_lines (bigint, bigint) is
  'Up to so many of the available units of a pool, slot by slot, as post_movements takes them.';

-- file: procedures/internal/stock/post_movements.sql
-- Every movement of units but the hold itself (hold_units) goes through here: the counters of the
-- slot and the ledger row change together, and a unit that leaves one account arrives in another.
-- Accounts are those of the pool (available, held, sold, unreleased), inventory and written_off.
-- What returns to a closed pool goes on to the inventory; what becomes available while the pool
-- owes units (seckill.set_stock_total, drain) pays that debt: a second movement, drain, takes it on
-- to the inventory. The debt is read once the slots are locked, in a statement of its own: what a
-- statement that waited reads from other rows is as old as its snapshot. Each slot is updated once,
-- however many lines it has: a row updated a thousand times in one transaction costs thirty times
-- as much. version grows by one for each ledger row. Lines may be of several activities: taken one
-- after another they would lock out of order. The caller has made sure that the source has the
-- units; the table's checks are the last net.
-- Raises: SK007 when the inventory has too few; SK008 when the activity is archived.
-- Locks: slots ascending by (pool_id, slot), then inventory rows ascending by sku; of a closed
--   activity its row, for key share.
create or replace function seckill_private.post_movements (
  p_now timestamptz,
  p_kind text,
  p_source text,
  p_target text,
  p_lines seckill_private.unit_line[],
  p_actor text default null,
  p_note text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_group record;
  v_slot record;
  v_target text;
  v_paid bigint;
  v_pool_ids bigint[] := array[]::bigint[];
  v_deltas bigint[] := array[]::bigint[];
begin
  perform seckill_private.lock_returns(p_target, p_lines);
  for v_group in
    select l.pool_id, l.slot, sum(l.quantity)::bigint as units, count(*) as lines
      from unnest(p_lines) as l
     group by l.pool_id, l.slot
     order by l.pool_id, l.slot
  loop
    select s.shard, s.version, s.closed, s.owed, p.activity_id,
           seckill_private.next_position(s.position, s.position_base) as position
      into strict v_slot
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.pool_id = v_group.pool_id and s.slot = v_group.slot
       for update of s;
    if v_slot.closed then
      perform seckill_private.refuse_archived(v_slot.activity_id);
    end if;
    v_target := case when p_target = 'available' and v_slot.closed
      then 'inventory' else p_target end;
    if v_target = 'available' and v_group.slot > 0 then
      select o.owed, greatest(o.position, v_slot.position) into v_slot.owed, v_slot.position
        from seckill_private.pool_slot as o where o.pool_id = v_group.pool_id and o.slot = 0;
    end if;
    v_paid := case v_target when 'available' then least(v_slot.owed, v_group.units) else 0 end;
    update seckill_private.pool_slot as s
       set available = s.available - v_paid
             + v_group.units * seckill_private.moved(p_source, v_target, 'available'),
           held = s.held + v_group.units * seckill_private.moved(p_source, v_target, 'held'),
           sold = s.sold + v_group.units * seckill_private.moved(p_source, v_target, 'sold'),
           unreleased = s.unreleased
             + v_group.units * seckill_private.moved(p_source, v_target, 'unreleased'),
           total = s.total - v_paid
             - v_group.units * seckill_private.moved(p_source, v_target, 'inventory')
             - v_group.units * seckill_private.moved(p_source, v_target, 'written_off'),
           epoch = s.epoch + (v_target = 'available')::integer * v_group.lines,
           version = s.version + v_group.lines + (v_paid > 0)::integer,
           position = v_slot.position,
           seen_at = greatest(s.seen_at, p_now)
     where s.pool_id = v_group.pool_id and s.slot = v_group.slot;
    insert into seckill_private.movement (
      activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity,
      reservation_id, user_id, at, actor, note)
    select v_slot.activity_id, coalesce(seckill_private.shard(l.user_id), v_slot.shard),
           l.pool_id, l.slot, v_slot.version + row_number() over (order by l.reservation_id),
           v_slot.position, p_kind, p_source, v_target, l.quantity, l.reservation_id, l.user_id,
           p_now, p_actor, p_note
      from unnest(p_lines) as l
     where l.pool_id = v_group.pool_id and l.slot = v_group.slot;
    if v_paid > 0 then
      perform seckill_private.pay_debt(
        p_now, v_slot.activity_id, v_slot.shard, v_group.pool_id, v_group.slot,
        v_slot.version + v_group.lines + 1, v_slot.position, v_paid, p_actor, p_kind);
    end if;
    v_pool_ids := v_pool_ids || v_group.pool_id;
    v_deltas := v_deltas || v_paid
      + v_group.units * seckill_private.moved(p_source, v_target, 'inventory');
  end loop;
  perform seckill_private.move_inventories(p_now, p_kind, v_pool_ids, v_deltas, p_actor, p_note);
end
$function$;

comment on function seckill_private.post_movements (
  timestamptz, text, text, text, seckill_private.unit_line[], text, text) is
  'Move units between the accounts of pools and the inventory, with their ledger rows.';

-- file: procedures/internal/stock/lock_stock.sql
-- For a call that may give units back several times: what goes on to the inventory (of a pool that
-- is closed, or owes units) needs that row, and each time would take its own. p_sku: a row that the
-- call needs besides, for what it puts in or takes out itself.
-- Locks: slots ascending; inventory rows by sku.
create or replace function seckill_private.lock_stock (
  p_pool_ids bigint[],
  p_sku text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.lock_slots(p_pool_ids);
  perform from seckill_private.inventory as i
    where i.sku = any (array(
            select p.sku from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             where p.pool_id = any (p_pool_ids) and (s.closed or s.owed > 0)
             union
            select p_sku))
    order by i.sku collate "C"
      for update;
end
$function$;

comment on function seckill_private.lock_stock (bigint[], text) is
  'Lock the slots of some pools, and the inventory that what comes back to them goes on to.';

-- file: procedures/internal/stock/pool_at.sql
-- The ledger up to an instant. Calls that meet at a slot may read the clock in another order than
-- they get it, so a movement counts as done when all before it were (version is their order): the
-- books of any instant add up. Holds and releases that had ended by then and were still to be swept
-- are given back, as every read does.
create or replace function seckill_private.pool_at (
  p_activity_id bigint,
  p_pool_id bigint,
  p_at timestamptz,
  p_closed boolean
)
  returns seckill.availability_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_balance seckill.availability_result;
  v_sum record;
  v_due bigint;
  v_lost bigint;
  v_released bigint;
begin
  with line as (
    select l.*,
           max(l.at) over (partition by l.slot order by l.version nulls first) as done_at
      from seckill_private.ledger_of(p_activity_id) as l
     where l.pool_id = p_pool_id
       and l.source is not null
  ), done as (
    select l.*, r.expires_at <= p_at as ended,
           max(l.version) filter (where l.kind = 'schedule') over () as planned
      from line as l
      left join seckill_private.reservation as r
        on r.buyer_key = seckill_private.buyer_key(p_activity_id, l.user_id)
       and r.reservation_id = l.reservation_id
     where l.done_at <= p_at
  )
  select sum(d.quantity * seckill_private.moved(d.source, d.target, 'available')) as available,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'held')) as held,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'sold')) as sold,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'unreleased')) as unreleased,
         count(*) filter (where d.target = 'available') as epoch,
         coalesce(sum(d.quantity) filter (where d.kind = 'release' and d.version > d.planned), 0)
           as released,
         sum(d.quantity * seckill_private.moved(d.source, d.target, 'held'))
           filter (where d.ended) as due,
         (select sum(e.quantity * case e.kind when 'debt' then 1 when 'debt_dropped' then -1 end)
            from seckill_private.movement as e
           where e.activity_id = p_activity_id and e.pool_id = p_pool_id and e.at <= p_at
             and e.source is null)
         - coalesce(sum(d.quantity) filter (where d.kind = 'drain'), 0) as owed
    into v_sum
    from done as d;
  v_due := coalesce(v_sum.due, 0);
  v_lost := case when p_closed then v_due else least(v_due, coalesce(v_sum.owed, 0)) end;
  v_released := greatest(least(coalesce(v_sum.unreleased, 0),
    seckill_private.scheduled_by(p_pool_id, p_at) - v_sum.released), 0);
  v_balance.available := coalesce(v_sum.available, 0) + v_due - v_lost + v_released;
  v_balance.held := coalesce(v_sum.held, 0) - v_due;
  v_balance.sold := coalesce(v_sum.sold, 0);
  v_balance.total := v_balance.available + v_balance.held + v_balance.sold
    + coalesce(v_sum.unreleased, 0) - v_released;
  v_balance.epoch := coalesce(v_sum.epoch, 0);
  return v_balance;
end
$function$;

comment on function seckill_private.pool_at (bigint, bigint, timestamptz, boolean) is
  'The units of a pool at an instant of the past, from the ledger; status is left null.';

-- file: procedures/internal/stock/lock_units.sql
-- p_sku: whose inventory the caller needs afterwards.
-- Locks: due holds by SKIP LOCKED; the slots of the pools, ascending; inventory (settle_short).
create or replace function seckill_private.lock_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_locked boolean default false,
  p_sku text default null
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if not p_locked then
    perform seckill_private.settle_short(
      p_now, p_activity_id, p_pool_ids, p_quantities, false, p_sku);
    perform seckill_private.lock_slots(p_pool_ids);
  end if;
  perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, true);
  return seckill_private.short_pools(p_pool_ids, p_quantities) is null;
end
$function$;

comment on function seckill_private.lock_units (
  timestamptz, bigint, bigint[], bigint[], boolean, text) is
  'Lock the slots of some pools; whether each has its units available, ended holds settled.';

-- file: procedures/internal/stock/hold_units.sql
-- The purchase itself: a conditional write on the hot row, or on one of them. Nulls when it has too
-- few units.
-- Its ledger row is the reservation, which the caller writes with the version and the position in
-- the feed that are returned here; of several (p_lines) the version is the last one's.
-- Locks: the slot's row, until the transaction ends.
create or replace function seckill_private.hold_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer default 1,
  p_slot smallint default 0,
  out version bigint,
  out feed_position bigint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  update seckill_private.pool_slot as s
     set available = s.available - p_quantity,
         held = s.held + p_quantity,
         version = s.version + p_lines,
         position = seckill_private.next_position(s.position, s.position_base),
         next_expiry = least(s.next_expiry, p_expires_at),
         seen_at = greatest(s.seen_at, p_now)
   where s.pool_id = p_pool_id
     and s.slot = p_slot
     and s.available >= p_quantity
  returning s.version, s.position into version, feed_position;
end
$function$;

comment on function seckill_private.hold_units (
  timestamptz, bigint, bigint, timestamptz, integer, smallint) is
  'Move units of a slot from available to held: the version and the position of that movement, or '
  'nulls when short.';

-- file: procedures/internal/stock/take_units.sql
-- The units of an order, all or none; nulls when short. One pool needs no lock before its update;
-- of several, all are locked before the first is touched. p_is_short: the counters were too low
-- when they were read. p_slots: how many rows the pool had then (of one pool; null for several).
-- p_locked: the transaction has slots already: nobody is waited for in a pool of several.
-- What ended in a pool of several slots is given back by take_slots, and not here as well: the
-- second time slots are locked, and an order that ended may have units of a lower pool.
-- Locks: due holds by SKIP LOCKED; slots ascending, or by SKIP LOCKED.
create or replace function seckill_private.take_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_expires_at timestamptz,
  p_is_short boolean,
  p_slots integer,
  p_user_id text,
  p_locked boolean
)
  returns seckill_private.taken
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_taken seckill_private.taken;
  v_hold record;
  v_slot smallint;
  v_version bigint;
begin
  if cardinality(p_pool_ids) > 1 then
    if not seckill_private.lock_units(
         p_now, p_activity_id, p_pool_ids, p_quantities, p_locked) then
      return null;
    end if;
  elsif p_is_short and p_slots = 1 then
    perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, p_locked);
  elsif p_slots = 1 then
    v_hold := seckill_private.hold_units(p_now, p_pool_ids[1], p_quantities[1], p_expires_at);
    if v_hold.version is not null then
      return row(array[0], array[v_hold.version], v_hold.feed_position)::seckill_private.taken;
    end if;
  end if;
  for v_line in 1 .. cardinality(p_pool_ids) loop
    v_slot := 0;
    v_version := null;
    if coalesce(p_slots, 1) = 1 then
      v_hold := seckill_private.hold_units(
        p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
      v_version := v_hold.version;
    end if;
    if v_version is null then
      v_hold := seckill_private.take_slots(
        p_now, p_activity_id, p_pool_ids[v_line], p_quantities[v_line], p_expires_at, 1,
        seckill_private.shard(p_user_id), case when p_slots > 1 then null else 0 end::smallint,
        p_locked or cardinality(p_pool_ids) > 1);
      v_slot := v_hold.slot;
      v_version := v_hold.version;
    end if;
    if v_version is null then
      return null;
    end if;
    v_taken.slots := v_taken.slots || v_slot;
    v_taken.versions := v_taken.versions || v_version;
    v_taken.position := v_hold.feed_position;
  end loop;
  if cardinality(p_pool_ids) > 1 then
    v_taken.position := seckill_private.level_positions(p_pool_ids, v_taken.slots);
  end if;
  return v_taken;
end
$function$;

comment on function seckill_private.take_units (
  timestamptz, bigint, bigint[], integer[], timestamptz, boolean, integer, text, boolean) is
  'Move the units of an order from available to held: the slots and the versions of those '
  'movements, in the order of the pools, and their position in the feed.';

-- file: procedures/internal/stock/level_positions.sql
-- A reservation is one row for all of its lines, so it has one position: the last of its slots'.
-- The others are raised to it, or what moves next on them would come before the hold.
-- Called with the slots locked and their units taken.
create or replace function seckill_private.level_positions (
  p_pool_ids bigint[],
  p_slots smallint[]
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_position bigint;
begin
  select max(s.position) into v_position
    from seckill_private.pool_slot as s
   where s.pool_id = any (p_pool_ids)
     and (s.pool_id, s.slot) in (select u.pool_id, u.slot
                                   from unnest(p_pool_ids, p_slots) as u (pool_id, slot));
  update seckill_private.pool_slot as s
     set position = v_position
   where s.pool_id = any (p_pool_ids)
     and (s.pool_id, s.slot) in (select u.pool_id, u.slot
                                   from unnest(p_pool_ids, p_slots) as u (pool_id, slot))
     and s.position < v_position;
  return v_position;
end
$function$;

comment on function seckill_private.level_positions (bigint[], smallint[]) is
  'The position in the feed of a hold that has just taken its units from these slots.';

-- file: procedures/internal/stock/ensure_pool.sql
-- Called under the activity's lock, so nobody makes the same pool at the same time.
create or replace function seckill_private.ensure_pool (
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_slots integer default 1
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
begin
  select p.pool_id into v_pool_id
    from seckill_private.pool as p
   where p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region;
  if not found then
    insert into seckill_private.pool (activity_id, sku, region, slots)
    values (p_activity_id, p_sku, p_region, p_slots)
    returning pool_id into v_pool_id;
    perform seckill_private.add_slots(v_pool_id);
  end if;
  return v_pool_id;
end
$function$;

comment on function seckill_private.ensure_pool (bigint, text, text, integer) is
  'The pool of (activity, sku, region), made empty where it is missing.';

-- file: procedures/internal/stock/slots_of.sql
-- The stored counters, all slots together: what is due is settled before they are asked for.
create or replace function seckill_private.slots_of (
  p_pool_id bigint
)
  returns seckill_private.pool_slot
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sum seckill_private.pool_slot;
begin
  select sum(s.total)::bigint, sum(s.available)::bigint, sum(s.held)::bigint,
         sum(s.sold)::bigint, sum(s.unreleased)::bigint, sum(s.owed)::bigint
    into v_sum.total, v_sum.available, v_sum.held, v_sum.sold, v_sum.unreleased, v_sum.owed
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id;
  v_sum.pool_id := p_pool_id;
  return v_sum;
end
$function$;

comment on function seckill_private.slots_of (bigint) is
  'The counters of a pool''s slots added up; the other fields stay null.';

-- file: procedures/internal/stock/cut_available.sql
-- Locks: none that the caller has not taken, and the inventory row.
create or replace function seckill_private.cut_available (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[] :=
    seckill_private.available_lines(p_pool_id, p_quantity);
begin
  perform seckill_private.post_movements(
    p_now, 'cut', 'available', 'inventory', v_lines, p_actor, p_note);
  return (select coalesce(sum(l.quantity), 0)::bigint from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.cut_available (timestamptz, bigint, bigint, text, text) is
  'Take up to so many units that are available out of a pool, to the inventory; how many.';

-- file: procedures/internal/stock/cut_unreleased.sql
-- The latest release is the first to go: what buyers were told to come soonest still comes.
-- Locks: none that the caller has not taken, and the inventory row.
create or replace function seckill_private.cut_unreleased (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_release seckill_private.stock_release;
  v_left bigint := least(p_quantity, (seckill_private.slots_of(p_pool_id)).unreleased);
  v_cut bigint := v_left;
  v_lines seckill_private.unit_line[];
begin
  for v_release in
    select f.* from seckill_private.stock_release as f
     where f.pool_id = p_pool_id
     order by f.release_at desc
  loop
    exit when v_left <= 0;
    if v_release.quantity <= v_left then
      delete from seckill_private.stock_release as f
       where f.pool_id = p_pool_id and f.release_at = v_release.release_at;
    else
      update seckill_private.stock_release as f
         set quantity = f.quantity - v_left
       where f.pool_id = p_pool_id and f.release_at = v_release.release_at;
    end if;
    v_left := v_left - least(v_left, v_release.quantity);
  end loop;
  select array_agg(row(p_pool_id, c.slot, c.units, null, null)::seckill_private.unit_line)
    into v_lines
    from (select s.slot,
                 least(s.unreleased, v_cut - (
                   sum(s.unreleased) over (order by s.slot) - s.unreleased)) as units
            from seckill_private.pool_slot as s
           where s.pool_id = p_pool_id) as c
   where c.units > 0;
  perform seckill_private.post_movements(
    p_now, 'cut', 'unreleased', 'inventory', v_lines, p_actor, p_note);
  update seckill_private.pool_slot as s
     set next_release = coalesce(
           seckill_private.next_release(p_pool_id, '-infinity'), 'infinity')
   where s.pool_id = p_pool_id
     and s.slot = 0
     and v_cut > 0;
  return v_cut;
end
$function$;

comment on function seckill_private.cut_unreleased (timestamptz, bigint, bigint, text, text) is
  'Take up to so many units of later releases out of a pool, to the inventory; how many.';

-- file: procedures/internal/stock/revoke_holds.sql
-- Called with all slots of the activity locked: no new hold can be made, and who has one of these
-- in hand (a payment) waits for us and is passed over. A hold goes as a whole, with all its lines.
-- Locks: reservations by SKIP LOCKED.
create or replace function seckill_private.revoke_holds (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
  v_rows seckill_private.reservation[];
  v_left bigint := p_quantity;
begin
  for v_row in
    select r.*
      from seckill_private.reservation as r
     where r.state = 'held'
       and (r.buyer_key >> 40) = p_activity_id
       and r.expires_at > p_now
       and p_pool_id = any (r.pool_ids)
     order by r.created_at desc, r.reservation_id desc
       for update skip locked
  loop
    exit when v_left <= 0;
    v_rows := v_rows || v_row;
    v_left := v_left - (
      select sum(l.quantity) from unnest(seckill_private.unit_lines(v_row)) as l
       where l.pool_id = p_pool_id);
  end loop;
  if v_left > 0 then
    perform seckill_private.raise_error('55P03', 'holds of this pool are being resolved');
  end if;
  update seckill_private.reservation as r
     set state = 'cancelled',
         resolved_at = p_now
   where r.buyer_key = any (array(select v.buyer_key from unnest(v_rows) as v))
     and r.reservation_id = any (array(select v.reservation_id from unnest(v_rows) as v))
     and r.state = 'held';
  perform seckill_private.post_movements(
    p_now, 'revoke', 'held', 'available',
    array(select l from unnest(v_rows) as v
           cross join lateral unnest(seckill_private.unit_lines(v)) as l),
    p_actor, p_note);
end
$function$;

comment on function seckill_private.revoke_holds (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Cancel the newest open holds on a pool until so many of its units are free, a ledger row each.';

-- file: procedures/internal/stock/owe_units.sql
-- The debt of a pool stands on its first slot, which whoever brings units back locks before his own
-- (lock_returns). The ledger tells of every change: debt, debt_dropped, and drain where it is paid
-- (post_movements). In the feed a debt comes after all that moved in any slot of the pool before.
-- Called with the pool's slots locked.
create or replace function seckill_private.owe_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  with share as (
    select s.slot, s.shard, s.owed as before, p_quantity as owed,
           (select max(seckill_private.next_position(o.position, o.position_base))
              from seckill_private.pool_slot as o
             where o.pool_id = p_pool_id) as position
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and s.slot = 0
       and s.owed <> p_quantity
  ), changed as (
    update seckill_private.pool_slot as s
       set owed = h.owed,
           position = h.position
      from share as h
     where s.pool_id = p_pool_id
       and s.slot = h.slot
    returning h.*
  )
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, position, kind, quantity, at, actor, note)
  select p_activity_id, c.shard, p_pool_id, c.slot, c.position,
         case when c.owed > c.before then 'debt' else 'debt_dropped' end, abs(c.owed - c.before),
         p_now, p_actor, p_note
    from changed as c;
end
$function$;

comment on function seckill_private.owe_units (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Set how many units of a pool go to the inventory as soon as they come back.';

-- file: procedures/internal/stock/lower_total.sql
-- Called with the slots locked and everything settled that could be. Units go in this order: those
-- available, those of later releases (the latest first), and by mode those that are held.
-- Raises: SK007 where the mode does not go as low; 55P03 where holds that have ended, and count as
--   available, are in somebody's hand.
create or replace function seckill_private.lower_total (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_total bigint,
  p_mode text,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_slots seckill_private.pool_slot := seckill_private.slots_of(p_pool_id);
  v_excess bigint := v_slots.total - p_total;
  v_short bigint := v_excess - v_slots.available - v_slots.unreleased;
  v_note text := format('%s from %s to %s', p_mode, v_slots.total, p_total);
begin
  -- An older debt would take what is revoked now, and more of it than has to go.
  if p_mode <> 'drain' then
    perform seckill_private.owe_units(p_now, p_activity_id, p_pool_id, 0, p_actor, v_note);
  end if;
  if v_short > 0 and p_mode <> 'drain' then
    if p_mode = 'revoke' and p_total < v_slots.sold then
      perform seckill_private.raise_error('SK007', v_slots.sold || ' units are sold');
    elsif seckill_private.due_units(p_activity_id, p_pool_id, p_now) > 0 then
      perform seckill_private.raise_error('55P03', 'holds that have ended are being settled');
    elsif p_mode = 'reject' then
      perform seckill_private.raise_error(
        'SK007', v_slots.held + v_slots.sold || ' units are held or sold');
    end if;
  end if;
  v_excess := v_excess - seckill_private.cut_available(
    p_now, p_pool_id, v_excess, p_actor, v_note);
  v_excess := v_excess - seckill_private.cut_unreleased(
    p_now, p_pool_id, v_excess, p_actor, v_note);
  if p_mode = 'drain' then
    perform seckill_private.owe_units(
      p_now, p_activity_id, p_pool_id, v_excess, p_actor, v_note);
  elsif p_mode = 'revoke' and v_excess > 0 then
    perform seckill_private.revoke_holds(
      p_now, p_activity_id, p_pool_id, v_excess, p_actor, v_note);
    perform seckill_private.cut_available(p_now, p_pool_id, v_excess, p_actor, v_note);
  end if;
end
$function$;

comment on function seckill_private.lower_total (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Take units out of a pool until its total is as low as the mode allows.';

-- file: procedures/internal/stock/raise_total.sql
-- Who raises the total to what the pool has, or more, has changed his mind about what it owes.
-- Locks: none but the inventory row; the caller has the slots, and that one too where it may need
--   others (lock_stock).
-- Raises: SK007 when the inventory has fewer.
create or replace function seckill_private.raise_total (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_total bigint,
  p_mode text,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_total bigint := (seckill_private.slots_of(p_pool_id)).total;
  v_note text := format('%s from %s to %s', p_mode, v_total, p_total);
begin
  perform seckill_private.owe_units(p_now, p_activity_id, p_pool_id, 0, p_actor, v_note);
  if p_total > v_total then
    perform seckill_private.post_movements(
      p_now, 'raise', 'inventory', 'available',
      seckill_private.spread_units(p_pool_id, p_total - v_total),
      p_actor, v_note);
  end if;
end
$function$;

comment on function seckill_private.raise_total (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Bring units from the inventory into a pool until its total is this.';

-- file: procedures/internal/stock/set_stock_total_at.sql
-- Holds that are settled or revoked may have units of other pools, too, and those may be in debt.
-- Locks: the slots of the activity (its row is locked); this sku's inventory and those of pools in
--   debt, at once; reservations by SKIP LOCKED.
-- Raises: SK003, SK006 (another total than was expected), SK007, 55P03.
create or replace function seckill_private.set_stock_total_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_total bigint,
  p_mode text,
  p_expected_total bigint,
  p_actor text
)
  returns seckill.ops_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result;
  v_pool_id bigint := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_now timestamptz;
  v_before seckill_private.pool_slot;
  v_after seckill_private.pool_slot;
begin
  perform seckill_private.lock_stock(
    array(select p.pool_id from seckill_private.pool as p where p.activity_id = p_activity_id),
    p_sku);
  v_now := seckill_private.now_at(p_now, array[v_pool_id]);
  perform seckill_private.settle_pool(v_now, p_activity_id, v_pool_id, p_actor);
  v_before := seckill_private.slots_of(v_pool_id);
  if p_expected_total <> v_before.total then
    perform seckill_private.raise_error('SK006', 'the total is ' || v_before.total);
  elsif p_total < v_before.total then
    perform seckill_private.lower_total(
      v_now, p_activity_id, v_pool_id, p_total, p_mode, p_actor);
  else
    perform seckill_private.raise_total(
      v_now, p_activity_id, v_pool_id, p_total, p_mode, p_actor);
  end if;
  v_after := seckill_private.slots_of(v_pool_id);
  v_result.status := 'set';
  v_result.replayed := (v_after.total, v_after.owed) = (v_before.total, v_before.owed);
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := v_after.total - v_before.total;
  v_result.total := v_after.total;
  return v_result;
end
$function$;

comment on function seckill_private.set_stock_total_at (
  timestamptz, bigint, text, text, bigint, text, bigint, text) is
  'Set the total of a pool at a given instant (null: the clock); the body of '
  'seckill.set_stock_total.';

-- file: procedures/internal/stock/move_units.sql
-- Locks: due holds by SKIP LOCKED; slots ascending; inventory rows by sku.
-- Raises: SK007 when fewer units are available.
create or replace function seckill_private.move_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_from_pool_id bigint,
  p_to_pool_id bigint,
  p_quantity bigint,
  p_actor text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := array[p_from_pool_id, p_to_pool_id];
  v_now timestamptz := seckill_private.now_at(p_now, v_pool_ids);
begin
  if not seckill_private.lock_units(
       v_now, p_activity_id, v_pool_ids, array[p_quantity, 0], false,
       (select p.sku from seckill_private.pool as p where p.pool_id = p_from_pool_id)) then
    perform seckill_private.raise_error('SK007', 'fewer than ' || p_quantity || ' are available');
  end if;
  perform seckill_private.post_movements(
    v_now, 'move', 'available', 'inventory',
    seckill_private.available_lines(p_from_pool_id, p_quantity), p_actor);
  perform seckill_private.post_movements(
    v_now, 'move', 'inventory', 'available',
    seckill_private.spread_units(p_to_pool_id, p_quantity), p_actor);
  return (seckill_private.pool_balance(p_activity_id, p_to_pool_id, v_now)).total;
end
$function$;

comment on function seckill_private.move_units (
  timestamptz, bigint, bigint, bigint, bigint, text) is
  'Move available units from one pool to another of the same sku; units in the other then.';

-- file: procedures/internal/slots/shift_units.sql
-- Both sides stand in the ledger (kind level): what one slot gives goes to the inventory, and from
-- there to the other, in one statement; the inventory's row is not touched. All have one position
-- and one time, which none of the slots has passed, so that whoever reads the feed, or asks for the
-- stock of an instant, sees no half of it.
-- Called with the pool's slots locked.
create or replace function seckill_private.shift_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_slots smallint[],
  p_available bigint[]
)
  returns void
  language sql
  volatile
begin atomic
  with change as (
    select s.slot, t.available - s.available as delta,
           max(seckill_private.next_position(s.position, s.position_base)) over () as position,
           greatest(p_now, max(s.seen_at) over ()) as at
      from unnest(p_slots, p_available) as t (slot, available)
      join seckill_private.pool_slot as s on s.pool_id = p_pool_id and s.slot = t.slot
     where t.available <> s.available
  ), changed as (
    update seckill_private.pool_slot as s
       set available = s.available + c.delta,
           total = s.total + c.delta,
           epoch = s.epoch + (c.delta > 0)::integer,
           version = s.version + 1,
           position = c.position,
           seen_at = c.at
      from change as c
     where s.pool_id = p_pool_id
       and s.slot = c.slot
    returning s.slot, s.shard, s.version, s.position, c.delta, c.at
  )
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity, at)
  select p.activity_id, c.shard, p_pool_id, c.slot, c.version, c.position, 'level',
         case when c.delta < 0 then 'available' else 'inventory' end,
         case when c.delta < 0 then 'inventory' else 'available' end, abs(c.delta), c.at
    from changed as c
    join seckill_private.pool as p on p.pool_id = p_pool_id;
end;

comment on function seckill_private.shift_units (timestamptz, bigint, smallint[], bigint[]) is
  'Move available units between the slots of a pool until each of these has what is named here.';

-- file: procedures/internal/slots/level_slots.sql
-- A slot above the pool's number of slots keeps none: there are more where the number was lowered.
-- Called with the pool's slots locked.
create or replace function seckill_private.level_slots (
  p_now timestamptz,
  p_pool_id bigint
)
  returns void
  language sql
  volatile
begin atomic
  select seckill_private.shift_units(
           p_now, p_pool_id, array_agg(t.slot),
           array_agg(case
             when t.slot < t.slots then t.units / t.slots + (t.slot < t.units % t.slots)::integer
             else 0
           end))
    from (select s.slot, p.slots, sum(s.available) over ()::bigint as units
            from seckill_private.pool as p
            join seckill_private.pool_slot as s on s.pool_id = p.pool_id
           where p.pool_id = p_pool_id) as t
  having count(*) > 1;
end;

comment on function seckill_private.level_slots (timestamptz, bigint) is
  'Spread what is available in a pool evenly over its slots.';

-- file: procedures/internal/slots/gather_units.sql
-- What one slot lacks comes from those that have most. A slot that has enough is left alone.
-- p_slot: the slot that is to have them; null means the fullest. Null when the pool has too few.
-- Called with the pool's slots locked.
create or replace function seckill_private.gather_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_slot smallint default null
)
  returns smallint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_slot smallint;
  v_lack bigint;
begin
  select s.slot, p_quantity - s.available into v_slot, v_lack
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id
     and (p_slot is null or s.slot = p_slot)
   order by s.available desc, s.slot
   limit 1;
  if v_lack <= 0 then
    return v_slot;
  elsif (seckill_private.slots_of(p_pool_id)).available < p_quantity then
    return null;
  end if;
  perform seckill_private.shift_units(
    p_now, p_pool_id, array_agg(t.slot), array_agg(t.available))
     from (select s.slot,
                  case
                    when s.slot = v_slot then p_quantity
                    else s.available - greatest(0, least(s.available, v_lack - (
                      sum(s.available) filter (where s.slot <> v_slot) over w - s.available)))
                  end::bigint as available
             from seckill_private.pool_slot as s
            where s.pool_id = p_pool_id
           window w as (order by s.slot = v_slot, s.available desc, s.slot)) as t;
  return v_slot;
end
$function$;

comment on function seckill_private.gather_units (timestamptz, bigint, bigint, smallint) is
  'Bring so many available units of a pool together in one slot; which one.';

-- file: procedures/internal/slots/lock_slots.sql
-- A statement that waited does not see the slots that were made meanwhile (set_slots, which locks
-- those that there are): then they are locked by one more look. A new slot is the pool's last, so
-- that is in order as long as no later pool is locked: one pool after another, not all in one
-- statement.
-- Locks: the slots of some pools, ascending. Whoever holds a slot already may wait only for a later
--   one.
create or replace function seckill_private.lock_slots (
  p_pool_ids bigint[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
  v_locked bigint;
begin
  for v_pool_id in select distinct u.id from unnest(p_pool_ids) as u (id) order by u.id loop
    loop
      perform
         from seckill_private.pool_slot as s
        where s.pool_id = v_pool_id
        order by s.slot
          for update;
      get diagnostics v_locked = row_count;
      exit when v_locked = (
        select count(*) from seckill_private.pool_slot as s where s.pool_id = v_pool_id);
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.lock_slots (bigint[]) is
  'Lock the slots of some pools until the transaction ends.';

-- file: procedures/internal/slots/take_free.sql
-- A place of one's own among the slots that have the units (p_place: any number, the same for a
-- buyer each time), then whichever of them is free, in a circle; where all are in somebody's hand,
-- the own one is waited for. A slot that had the units when it was seen and has them no longer
-- stays locked (that cannot be undone): kept is the highest of these, and from then on nobody is
-- waited for here.
-- Nulls: no slot has the units, or who has them could not be waited for (p_locked: the transaction
-- has locked slots before).
-- Locks: slots by SKIP LOCKED; one, if none was locked before.
create or replace function seckill_private.take_free (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer,
  p_place integer,
  p_locked boolean,
  out slot smallint,
  out version bigint,
  out feed_position bigint,
  out kept smallint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_open smallint[];
  v_first integer;
  v_hold record;
begin
  loop
    v_open := array(
      select s.slot
        from seckill_private.pool_slot as s
       where s.pool_id = p_pool_id
         and s.available >= p_quantity
       order by s.slot);
    exit when v_open = '{}';
    v_first := p_place % cardinality(v_open);
    v_open := v_open[v_first + 1:] || v_open[:v_first];
    select s.slot into slot
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and s.slot = any (v_open)
     order by array_position(v_open, s.slot)
     limit 1
       for update skip locked;
    if slot is null then
      exit when p_locked or kept is not null;
      slot := v_open[1];
    end if;
    v_hold := seckill_private.hold_units(
      p_now, p_pool_id, p_quantity, p_expires_at, p_lines, slot);
    version := v_hold.version;
    feed_position := v_hold.feed_position;
    exit when version is not null;
    kept := greatest(kept, slot);
  end loop;
end
$function$;

comment on function seckill_private.take_free (
  timestamptz, bigint, bigint, timestamptz, integer, integer, boolean) is
  'Take units from one slot of a pool, if it can be had; version is null where none can.';

-- file: procedures/internal/slots/lock_rest.sql
-- Below a slot that is locked already, and where the transaction may have locked any (p_locked),
-- nobody may be waited for: then all or nothing by SKIP LOCKED. Who holds no slot waits.
-- Locks: slots by SKIP LOCKED, then ascending.
create or replace function seckill_private.lock_rest (
  p_pool_id bigint,
  p_kept smallint,
  p_locked boolean
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_below integer := case when p_locked then 32767 else coalesce(p_kept, 0) end;
  v_locked bigint;
begin
  if v_below > 0 then
    perform
       from seckill_private.pool_slot as s
      where s.pool_id = p_pool_id
        and s.slot < v_below
      order by s.slot
        for update skip locked;
    get diagnostics v_locked = row_count;
    if v_locked < (
         select count(*) from seckill_private.pool_slot as s
          where s.pool_id = p_pool_id
            and s.slot < v_below) then
      return false;
    end if;
  end if;
  if not p_locked then
    perform seckill_private.lock_slots(array[p_pool_id]);
  end if;
  return true;
end
$function$;

comment on function seckill_private.lock_rest (bigint, smallint, boolean) is
  'Lock all slots of a pool, of which some may be locked already; false where that would have to '
  'wait out of order.';

-- file: procedures/internal/slots/take_slots.sql
-- Own slot, a free slot (take_free), then all in order. With all in hand what has ended is given
-- back, an order gets what it needs from several slots, and slots of which most have run dry are
-- levelled: while one slot has the units, none of this costs anything.
-- Where all slots together are short and nothing can be given back, nobody is waited for: a sweeper
-- may have the holds that have ended, and the slots.
-- p_kept: 0 where the first slot was tried, and so may be locked. p_locked: others may be, too.
-- Nulls: short, or a slot could not be had; the caller sees which of the two it is (take_hold), by
-- one look at all slots, which sees each unit once, whoever is just moving it.
-- Locks: slots by SKIP LOCKED, then ascending; due holds by SKIP LOCKED.
create or replace function seckill_private.take_slots (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer,
  p_place integer,
  p_kept smallint,
  p_locked boolean,
  out slot smallint,
  out version bigint,
  out feed_position bigint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_free record;
  v_hold record;
  v_waits boolean := not p_locked;
begin
  v_free := seckill_private.take_free(
    p_now, p_pool_id, p_quantity, p_expires_at, p_lines, p_place, p_locked);
  if v_free.version is not null then
    slot := v_free.slot;
    version := v_free.version;
    feed_position := v_free.feed_position;
    return;
  end if;
  if seckill_private.short_pools(array[p_pool_id], array[p_quantity]) is not null then
    if v_waits and v_free.kept is null then
      perform seckill_private.settle_short(
        p_now, p_activity_id, array[p_pool_id], array[p_quantity], p_kept is not null);
    end if;
    v_waits := false;
  end if;
  if not seckill_private.lock_rest(p_pool_id, v_free.kept, not v_waits) then
    return;
  end if;
  perform seckill_private.settle_short(
    p_now, p_activity_id, array[p_pool_id], array[p_quantity], true);
  slot := seckill_private.gather_units(p_now, p_pool_id, p_quantity);
  if slot is null then
    return;
  end if;
  v_hold := seckill_private.hold_units(
    p_now, p_pool_id, p_quantity, p_expires_at, p_lines, slot);
  version := v_hold.version;
  feed_position := v_hold.feed_position;
  if (select count(*) filter (where s.available >= p_quantity) * 2 < count(*)
             and sum(s.available) >= 4 * count(*) * p_quantity
        from seckill_private.pool_slot as s
       where s.pool_id = p_pool_id) then
    perform seckill_private.level_slots(p_now, p_pool_id);
  end if;
end
$function$;

comment on function seckill_private.take_slots (
  timestamptz, bigint, bigint, bigint, timestamptz, integer, integer, smallint, boolean) is
  'Take units from a pool of several slots: the slot, the version and the position, or nulls.';

-- file: procedures/internal/slots/add_slots.sql
-- A slot is never taken away: its ledger stays, and units come back to it.
create or replace function seckill_private.add_slots (
  p_pool_id bigint
)
  returns void
  language sql
  volatile
begin atomic
  insert into seckill_private.pool_slot (pool_id, slot, shard, position_base)
  select p.pool_id, n.slot, n.slot, f.position_base
    from seckill_private.pool as p
   cross join lateral generate_series(0, p.slots - 1) as n (slot)
   cross join seckill_private.feed as f
   where p.pool_id = p_pool_id
     and not exists (
       select from seckill_private.pool_slot as s
        where s.pool_id = p_pool_id and s.slot = n.slot);
  update seckill_private.pool as p
     set slot_rows = p.slots
   where p.pool_id = p_pool_id
     and p.slot_rows < p.slots;
end;

comment on function seckill_private.add_slots (bigint) is
  'Make the slots that a pool is to have and has not.';

-- file: procedures/internal/returns/validate_releases.sql
-- Raises: SK001.
create or replace function seckill_private.validate_releases (
  p_release_at timestamptz[],
  p_quantities bigint[]
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_release_at timestamptz;
  v_quantity bigint;
begin
  if p_release_at is null or p_quantities is null or cardinality(p_release_at) > 100
     or cardinality(p_release_at) <> cardinality(p_quantities)
     or array_ndims(p_release_at) > 1 or array_ndims(p_quantities) > 1 then
    perform seckill_private.raise_error(
      'SK001', 'p_release_at and p_quantities must be lists of equal length, 100 at most');
  end if;
  foreach v_release_at in array p_release_at loop
    if v_release_at is null or v_release_at < '1970-01-01 00:00:00+00'
       or v_release_at > '9999-01-01 00:00:00+00' then
      perform seckill_private.raise_error('SK001', 'p_release_at must lie between 1970 and 9999');
    end if;
  end loop;
  foreach v_quantity in array p_quantities loop
    perform seckill_private.require_units('p_quantities', v_quantity);
  end loop;
  if cardinality(p_release_at) <> (select count(distinct r) from unnest(p_release_at) as r) then
    perform seckill_private.raise_error('SK001', 'p_release_at has an instant twice');
  end if;
end
$function$;

comment on function seckill_private.validate_releases (timestamptz[], bigint[]) is
  'Refuse a schedule of releases that makes no sense.';

-- file: procedures/internal/returns/settle_pool.sql
-- Called with the slots of the activity locked, and the inventory that what comes back goes on to:
-- whoever has a hold in hand waits for us, so it is passed over and stays due. As many as there
-- are: none may be missing in what the caller says afterwards. Buyers wait meanwhile, some 0.1 ms a
-- hold; a sweeper at work leaves few.
-- Locks: reservations by SKIP LOCKED.
create or replace function seckill_private.settle_pool (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  loop
    v_lines := seckill_private.pick_due_holds(
      p_now, array[p_activity_id], array[p_pool_id], null, 10000);
    exit when v_lines is null;
    perform seckill_private.post_movements(
      p_now, 'expire', 'held', 'available', v_lines, p_actor);
  end loop;
  perform seckill_private.release_due(p_now, p_now, array[p_pool_id], p_actor);
end
$function$;

comment on function seckill_private.settle_pool (timestamptz, bigint, bigint, text) is
  'Give back the units of a pool whose holds have ended, and make the releases that are due.';

-- file: procedures/internal/returns/due_units.sql
-- Units of a pool whose holds have ended, swept or not: they count as available.
create or replace function seckill_private.due_units (
  p_activity_id bigint,
  p_pool_id bigint,
  p_now timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(u.quantity), 0)::bigint
    from seckill_private.reservation as r
   cross join lateral unnest(r.pool_ids, r.quantities) as u (pool_id, quantity)
   where r.state = 'held'
     and (r.buyer_key >> 40) = p_activity_id
     and r.expires_at <= p_now
     and u.pool_id = p_pool_id;
end;

comment on function seckill_private.due_units (bigint, bigint, timestamptz) is
  'Units of a pool that unswept holds still count as held, though they ended by this instant.';

-- file: procedures/internal/returns/first_expiry.sql
-- PL/pgSQL keeps its plan; before PostgreSQL 18 each call would plan a function of SQL anew.
-- By the index of open holds (reservation_due): the first that touches the pool ends the search. No
-- range of buyer_key here, in due_units and pick_due_holds: it would prune partitions, and tempt
-- the planner to read every hold by the other index and sort.
create or replace function seckill_private.first_expiry (
  p_activity_id bigint,
  p_pool_id bigint,
  p_after timestamptz
)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return (
    select r.expires_at
      from seckill_private.reservation as r
     where r.state = 'held'
       and (r.buyer_key >> 40) = p_activity_id
       and r.expires_at > p_after
       and p_pool_id = any (r.pool_ids)
     order by r.expires_at
     limit 1);
end
$function$;

comment on function seckill_private.first_expiry (bigint, bigint, timestamptz) is
  'When the first hold on a pool ends that is open after an instant; null where there is none.';

-- file: procedures/internal/returns/due_releases.sql
-- A release is a function of the clock: nothing has to run for it to count.
create or replace function seckill_private.due_releases (
  p_pool_id bigint,
  p_now timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(r.quantity), 0)::bigint
    from seckill_private.stock_release as r
   where r.pool_id = p_pool_id
     and r.release_at <= p_now;
end;

comment on function seckill_private.due_releases (bigint, timestamptz) is
  'Units of a pool whose release is due by an instant, moved or not: they count as available.';

-- file: procedures/internal/returns/next_release.sql
-- Schedules are short: one row for each release that was not moved yet.
create or replace function seckill_private.next_release (
  p_pool_id bigint,
  p_after timestamptz
)
  returns timestamptz
  language sql
  stable
begin atomic
  select min(r.release_at)
    from seckill_private.stock_release as r
   where r.pool_id = p_pool_id
     and r.release_at > p_after;
end;

comment on function seckill_private.next_release (bigint, timestamptz) is
  'When the first release of a pool after an instant is; null where none is scheduled.';

-- file: procedures/internal/returns/last_schedule.sql
-- The schedule of a past instant is in the journal: the one that stood then was the last one asked
-- for.
create or replace function seckill_private.last_schedule (
  p_pool_id bigint,
  p_at timestamptz
)
  returns table (release_at timestamptz, quantity bigint)
  language sql
  stable
begin atomic
  select u.release_at::timestamp at time zone 'UTC', u.quantity::bigint
    from (select e.arguments
            from seckill_private.pool as p
            join seckill_private.ops_entry as e
              on e.activity_id = p.activity_id
             and e.call = 'schedule_release'
             and e.arguments ->> 'sku' = p.sku
             and e.arguments ->> 'region' = p.region
           where p.pool_id = p_pool_id
             and e.at <= p_at
           order by e.entry_id desc
           limit 1) as s
   cross join lateral rows from (
           jsonb_array_elements_text(s.arguments -> 'release_at'),
           jsonb_array_elements_text(s.arguments -> 'quantities')) as u (release_at, quantity);
end;

comment on function seckill_private.last_schedule (bigint, timestamptz) is
  'The releases of a pool that were asked for by the last call before an instant.';

-- file: procedures/internal/returns/scheduled_by.sql
-- What was released and what was due by then: both counted as available.
create or replace function seckill_private.scheduled_by (
  p_pool_id bigint,
  p_at timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(r.quantity), 0)::bigint
    from seckill_private.last_schedule(p_pool_id, p_at) as r
   where r.release_at <= p_at;
end;

comment on function seckill_private.scheduled_by (bigint, timestamptz) is
  'Units of a pool that were to be released by an instant, by the schedule that stood then.';

-- file: procedures/internal/returns/pick_due_holds.sql
-- Marks up to p_limit ended holds of some activities as expired, oldest first, and returns their
-- units, which the caller gives back (post_movements). Sweepers and buyers may do so side by side:
-- each passes over what another has in hand. p_pool_ids: only holds that touch one of these pools
-- (null: all). p_within: only holds that touch no other pool. p_beyond: only holds that touch
-- others, too.
-- Locks: reservations, by SKIP LOCKED.
create or replace function seckill_private.pick_due_holds (
  p_now timestamptz,
  p_activity_ids bigint[],
  p_pool_ids bigint[],
  p_within bigint[],
  p_limit integer,
  p_beyond bigint[] default null
)
  returns seckill_private.unit_line[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity_id bigint;
  v_due record;
  v_keys bigint[] := array[]::bigint[];
  v_ids bigint[] := array[]::bigint[];
  v_lines seckill_private.unit_line[];
begin
  foreach v_activity_id in array p_activity_ids loop
    exit when cardinality(v_ids) >= p_limit;
    select array_agg(d.buyer_key) as keys, array_agg(d.reservation_id) as ids into v_due
      from (select r.buyer_key, r.reservation_id
              from seckill_private.reservation as r
             where r.state = 'held'
               and (r.buyer_key >> 40) = v_activity_id
               and r.expires_at <= p_now
               and (p_pool_ids is null or p_pool_ids && r.pool_ids)
               and (p_within is null or r.pool_ids <@ p_within)
               and (p_beyond is null or not r.pool_ids <@ p_beyond)
             order by r.expires_at
             limit p_limit - cardinality(v_ids)
               for update skip locked) as d;
    v_keys := v_keys || v_due.keys;
    v_ids := v_ids || v_due.ids;
  end loop;
  with expired as (
    update seckill_private.reservation as r
       set state = 'expired',
           resolved_at = r.expires_at
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (v_ids)
       and r.state = 'held'
    returning r.reservation_id, r.user_id, r.pool_ids, r.slots, r.quantities
  )
  select array_agg(row(
           u.pool_id, u.slot, u.quantity, e.reservation_id, e.user_id)::seckill_private.unit_line)
    into v_lines
    from expired as e
   cross join lateral unnest(e.pool_ids, e.slots, e.quantities) as u (pool_id, slot, quantity);
  return v_lines;
end
$function$;

comment on function seckill_private.pick_due_holds (
  timestamptz, bigint[], bigint[], bigint[], integer, bigint[]) is
  'Expire holds that have ended; their units, which are still to be given back.';

-- file: procedures/internal/returns/pick_short.sql
-- Every hold that is picked for a pool has a unit of it at least, so as many are enough as it
-- lacks; what the pool owes takes the first that come back. p_within, p_beyond: see pick_due_holds.
-- Locks: due holds by SKIP LOCKED.
create or replace function seckill_private.pick_short (
  p_now timestamptz,
  p_activity_ids bigint[],
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_within bigint[],
  p_beyond bigint[] default null
)
  returns seckill_private.unit_line[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool record;
  v_lines seckill_private.unit_line[];
begin
  for v_pool in
    select l.pool_id, l.quantity - sum(s.available) + sum(s.owed) as lacks
      from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity)
      join seckill_private.pool_slot as s on s.pool_id = l.pool_id
     group by l.pool_id, l.quantity
    having l.quantity > sum(s.available)
     order by l.pool_id
  loop
    v_lines := v_lines || seckill_private.pick_due_holds(
      p_now, p_activity_ids, array[v_pool.pool_id], p_within,
      least(greatest(v_pool.lacks, 100), 10000)::integer, p_beyond);
  end loop;
  return v_lines;
end
$function$;

comment on function seckill_private.pick_short (
  timestamptz, bigint[], bigint[], bigint[], bigint[], bigint[]) is
  'Expire ended holds of those pools that have too few units; what is to be given back.';

-- file: procedures/internal/returns/release_due.sql
-- Called with the pools' slots locked, so that a release is moved once. Releases up to p_until are
-- made: usually p_now, infinity where none is to stay.
create or replace function seckill_private.release_due (
  p_now timestamptz,
  p_until timestamptz,
  p_pool_ids bigint[],
  p_actor text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  with released as (
    delete from seckill_private.stock_release as r
     where r.pool_id = any (p_pool_ids)
       and r.release_at <= p_until
    returning r.pool_id, r.quantity
  ), pool as (
    select r.pool_id, sum(r.quantity)::bigint as units
      from released as r
     group by r.pool_id
  )
  select array_agg(row(p.pool_id, 0, p.units, null, null)::seckill_private.unit_line)
    into v_lines
    from pool as p;
  if v_lines is null then
    return;
  end if;
  perform seckill_private.post_movements(
    p_now, 'release', 'unreleased', 'available', v_lines, p_actor);
  update seckill_private.pool_slot as s
     set next_release = coalesce(
           seckill_private.next_release(s.pool_id, '-infinity'), 'infinity')
   where s.pool_id in (select l.pool_id from unnest(v_lines) as l)
     and s.slot = 0;
  perform seckill_private.level_slots(p_now, l.pool_id) from unnest(v_lines) as l;
end
$function$;

comment on function seckill_private.release_due (timestamptz, timestamptz, bigint[], text) is
  'Move the releases of some pools up to an instant to what is available.';

-- file: procedures/internal/returns/settle_short.sql
-- Where counters are too low for an order: give back what ended holds and due releases have, in
-- the pools that are short. p_locked: the caller has locked the pools' slots; then only holds
-- that touch no other pool are taken, since a lock on a lower slot may not be waited for any
-- more. Where there is nothing to settle, nothing is waited for: a sweeper may have the holds
-- and the slots. p_sku: whose inventory the caller needs afterwards.
-- Locks: due holds by SKIP LOCKED; then the slots of the order and of those holds, and the
--   inventory of pools in debt, all at once, since the caller may come twice.
create or replace function seckill_private.settle_short (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_locked boolean,
  p_sku text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_short bigint[] := seckill_private.short_pools(p_pool_ids, p_quantities);
  v_lines seckill_private.unit_line[];
begin
  if v_short is null then
    return;
  end if;
  v_lines := seckill_private.pick_short(
    p_now, array[p_activity_id], p_pool_ids, p_quantities,
    case when p_locked then p_pool_ids end);
  if v_lines is null and not exists (
       select from seckill_private.stock_release as r
        where r.pool_id = any (v_short)
          and r.release_at <= p_now) then
    return;
  elsif not p_locked then
    perform seckill_private.lock_stock(
      p_pool_ids || array(select l.pool_id from unnest(v_lines) as l), p_sku);
  end if;
  perform seckill_private.post_movements(p_now, 'expire', 'held', 'available', v_lines);
  perform seckill_private.release_due(p_now, p_now, v_short);
end
$function$;

comment on function seckill_private.settle_short (
  timestamptz, bigint, bigint[], bigint[], boolean, text) is
  'Give back what has ended or is due, where an order would lack units otherwise.';

-- file: procedures/internal/returns/refresh_next_expiry.sql
-- next_expiry is only a lower bound: the hold it stood for may have been paid. Once a sweep has
-- passed, it is set to what is true. The slot is locked first and read again in a later statement,
-- since a hold that was taken in between would be missed otherwise.
-- Locks: slots ascending, by SKIP LOCKED: who is busy selling is refreshed by the next sweep.
create or replace function seckill_private.refresh_next_expiry (
  p_now timestamptz,
  p_activity_ids bigint[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[];
  v_slots smallint[];
begin
  select array_agg(d.pool_id), array_agg(d.slot) into v_pool_ids, v_slots
    from (select s.pool_id, s.slot
            from seckill_private.pool as p
            join seckill_private.pool_slot as s on s.pool_id = p.pool_id
           where p.activity_id = any (p_activity_ids)
             and s.next_expiry <= p_now
           order by s.pool_id, s.slot
             for update of s skip locked) as d;
  update seckill_private.pool_slot as s
     set next_expiry = coalesce(
           seckill_private.first_expiry(p.activity_id, p.pool_id, '-infinity'), 'infinity')
    from seckill_private.pool as p
   where p.pool_id = s.pool_id
     and s.pool_id = any (v_pool_ids)
     and (s.pool_id, s.slot) in (
           select u.pool_id, u.slot from unnest(v_pool_ids, v_slots) as u (pool_id, slot))
     and s.next_expiry <= p_now;
end
$function$;

comment on function seckill_private.refresh_next_expiry (timestamptz, bigint[]) is
  'Set next_expiry of the slots of some activities to the end of their first open hold.';

-- file: procedures/internal/returns/free_activities.sql
-- Which of some activities nobody is buying in at this instant: no slot of their pools that are due
-- is locked. Found out by locking them, and undone at once, so that nothing is held back while the
-- caller picks its holds.
-- Locks: slots ascending, by SKIP LOCKED, given up again before it returns.
create or replace function seckill_private.free_activities (
  p_now timestamptz,
  p_activity_ids bigint[]
)
  returns bigint[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_free bigint[];
begin
  begin
    with due as (
      select p.activity_id, s.pool_id, s.slot
        from seckill_private.pool as p
        join seckill_private.pool_slot as s on s.pool_id = p.pool_id
       where p.activity_id = any (p_activity_ids)
         and (s.next_expiry <= p_now or s.next_release <= p_now)
    ), unlocked as (
      select s.pool_id, s.slot
        from seckill_private.pool_slot as s
       where (s.pool_id, s.slot) in (select d.pool_id, d.slot from due as d)
       order by s.pool_id, s.slot
         for update skip locked
    ), activity as (
      select d.activity_id, bool_and(u.pool_id is not null) as free
        from due as d
        left join unlocked as u on u.pool_id = d.pool_id
                               and u.slot = d.slot
       group by d.activity_id
    )
    select array_agg(a.activity_id order by a.activity_id) into v_free
      from activity as a
     where a.free;
    raise exception using errcode = 'triggered_action_exception';
  exception when triggered_action_exception then
    null;  -- the locks are gone, the variable stays
  end;
  return coalesce(v_free, array[]::bigint[]);
end
$function$;

comment on function seckill_private.free_activities (timestamptz, bigint[]) is
  'Those of some activities none of whose due slots is locked at this instant.';

-- file: procedures/internal/returns/expire_due_at.sql
-- Only activities with a slot that is due are looked at: next_expiry or next_release has passed.
-- Releases that are due are made too. Sales in which nobody buys at this instant are swept first,
-- all together. Only where they have nothing to do, it waits for a sale that somebody buys in, and
-- for one only: a session that hangs in one sale delays no other one. Which one is left to chance,
-- so that it is not always the one that hangs.
-- Locks: due holds by SKIP LOCKED; then the slots of those holds and of due releases, at once;
--   inventory rows by sku, where a pool is closed or in debt.
create or replace function seckill_private.expire_due_at (
  p_now timestamptz,
  p_limit integer,
  p_actor text
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_activity_ids bigint[] := array(
    select p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_expiry <= v_now
     union
    select p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_release <= v_now
     order by 1);
  v_some bigint[] := seckill_private.free_activities(v_now, v_activity_ids);
  v_others bigint[] := array(
    select u.id from unnest(v_activity_ids) as u (id)
     where u.id <> all (v_some)
     order by random());
  v_lines seckill_private.unit_line[];
  v_releasing bigint[];
begin
  loop
    v_lines := seckill_private.pick_due_holds(v_now, v_some, null, null, p_limit);
    v_releasing := array(
      select s.pool_id
        from seckill_private.pool as p
        join seckill_private.pool_slot as s on s.pool_id = p.pool_id
       where p.activity_id = any (v_some)
         and s.next_release <= v_now);
    exit when v_lines is not null or v_releasing <> '{}' or v_others = '{}';
    v_some := v_others[1:1];
    v_others := v_others[2:];
  end loop;
  perform seckill_private.lock_slots(
    v_releasing || array(select l.pool_id from unnest(v_lines) as l));
  perform seckill_private.post_movements(
    v_now, 'expire', 'held', 'available', v_lines, p_actor);
  perform seckill_private.release_due(v_now, v_now, v_releasing, p_actor);
  perform seckill_private.refresh_next_expiry(v_now, v_activity_ids);
  return (select count(distinct l.reservation_id) from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.expire_due_at (timestamptz, integer, text) is
  'Settle up to p_limit ended holds of all activities; the body of seckill.expire_due.';

-- file: procedures/internal/returns/releases_stand.sql
-- Compared as sets, and with what was asked for last: two calls with the same releases need no
-- second schedule, also when the first of them were moved meanwhile. A cut takes units from the
-- schedule, so what waits must be what was asked for.
create or replace function seckill_private.releases_stand (
  p_pool_id bigint,
  p_release_at timestamptz[],
  p_quantities bigint[],
  p_now timestamptz
)
  returns boolean
  language sql
  stable
begin atomic
  with asked as (
    select u.release_at, u.quantity
      from unnest(p_release_at, p_quantities) as u (release_at, quantity)
  ), last as (
    select l.release_at, l.quantity
      from seckill_private.last_schedule(p_pool_id, 'infinity') as l
  ), waiting as (
    select r.release_at, r.quantity
      from seckill_private.stock_release as r
     where r.pool_id = p_pool_id
  )
  select not exists (table last except table asked)
     and not exists (table asked except table last)
     and not exists (table waiting except table asked)
     and not exists (
       select a.release_at, a.quantity from asked as a where a.release_at > p_now
       except
       table waiting);
end;

comment on function seckill_private.releases_stand (
  bigint, timestamptz[], bigint[], timestamptz) is
  'Whether the schedule of a pool is this one already.';

-- file: procedures/internal/returns/set_releases.sql
-- What the old schedule kept back becomes available first; then the new one takes its units. A new
-- release that is due already is made at once. What waits for its release is all in slot 0.
-- Locks: due holds by SKIP LOCKED; the pool's slots, and those of the holds that are settled;
--   inventory (settle_short).
-- Raises: SK007 when fewer units are available.
create or replace function seckill_private.set_releases (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_release_at timestamptz[],
  p_quantities bigint[],
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_now timestamptz := seckill_private.now_at(p_now, array[p_pool_id]);
  v_units bigint := (select coalesce(sum(q), 0)::bigint from unnest(p_quantities) as q);
begin
  perform seckill_private.settle_short(
    v_now, p_activity_id, array[p_pool_id], array[v_units], false);
  perform seckill_private.lock_slots(array[p_pool_id]);
  perform seckill_private.release_due(v_now, 'infinity', array[p_pool_id], p_actor);
  perform seckill_private.settle_short(
    v_now, p_activity_id, array[p_pool_id], array[v_units], true);
  if seckill_private.short_pools(array[p_pool_id], array[v_units]) is not null then
    perform seckill_private.raise_error('SK007', 'fewer than ' || v_units || ' are available');
  elsif v_units > 0 then
    perform seckill_private.gather_units(v_now, p_pool_id, v_units, 0::smallint);
    perform seckill_private.post_movements(
      v_now, 'schedule', 'available', 'unreleased',
      array[row(p_pool_id, 0, v_units, null, null)::seckill_private.unit_line], p_actor);
    insert into seckill_private.stock_release (pool_id, release_at, quantity)
    select p_pool_id, u.release_at, u.quantity
      from unnest(p_release_at, p_quantities) as u (release_at, quantity);
    update seckill_private.pool_slot as s
       set next_release = seckill_private.next_release(p_pool_id, '-infinity')
     where s.pool_id = p_pool_id
       and s.slot = 0;
    perform seckill_private.release_due(v_now, v_now, array[p_pool_id], p_actor);
    perform seckill_private.level_slots(v_now, p_pool_id);
  end if;
end
$function$;

comment on function seckill_private.set_releases (
  timestamptz, bigint, bigint, timestamptz[], bigint[], text) is
  'Replace the schedule of releases of a pool.';

-- file: procedures/internal/reservations/activity_of.sql
-- The reverse of next_reservation_id.
create or replace function seckill_private.activity_of (
  p_reservation_id bigint
)
  returns bigint
  language sql
  immutable
  parallel safe
return p_reservation_id >> 36;

comment on function seckill_private.activity_of (bigint) is
  'The activity of a reservation id.';

-- file: procedures/internal/reservations/next_reservation_id.sql
-- The id carries its activity, so that a reservation is found through buyer_key and needs no index
-- of its own. 36 bits of number keep ids below 2^53, exact in JSON, for 131,000 activities.
create or replace function seckill_private.next_reservation_id (
  p_activity_id bigint
)
  returns bigint
  language sql
  volatile
return (p_activity_id << 36) | nextval('seckill_private.reservation_number'::regclass);

comment on function seckill_private.next_reservation_id (bigint) is
  'A new reservation id: activity << 36 | number.';

-- file: procedures/internal/reservations/state_at.sql
-- A hold is worth nothing from expires_at on, swept or not.
create or replace function seckill_private.state_at (
  p_state text,
  p_expires_at timestamptz,
  p_now timestamptz
)
  returns text
  language sql
  immutable
  parallel safe
return case when p_state = 'held' and p_expires_at <= p_now then 'expired' else p_state end;

comment on function seckill_private.state_at (text, timestamptz, timestamptz) is
  'The state of a reservation at an instant, whether its end has been swept or not.';

-- file: procedures/internal/reservations/lines_of.sql
-- A reservation remembers pools and slots; people think in skus. Slots of one pool are added up;
-- a line of which nothing is left is none.
create or replace function seckill_private.lines_of (
  p_pool_ids bigint[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result;
begin
  select min(l.region), array_agg(l.sku order by l.sku collate "C"),
         array_agg(l.quantity order by l.sku collate "C")
    into v_lines.region, v_lines.skus, v_lines.quantities
    from (select p.region, p.sku, sum(u.quantity)::integer as quantity
            from unnest(p_pool_ids, p_quantities) as u (pool_id, quantity)
            join seckill_private.pool as p on p.pool_id = u.pool_id
           group by p.region, p.sku
          having sum(u.quantity) > 0) as l;
  return v_lines;
end
$function$;

comment on function seckill_private.lines_of (bigint[], integer[]) is
  'Region, skus and quantities of a reservation''s units, sorted by sku; the other fields stay '
  'null.';

-- file: procedures/internal/reservations/added.sql
-- Units of the lines of a reservation, line by line. Null stands for none.
create or replace function seckill_private.added (
  p_units integer[],
  p_more integer[]
)
  returns integer[]
  language sql
  immutable
  parallel safe
return (select array_agg(coalesce(u.units, 0) + coalesce(u.more, 0) order by u.line)
          from unnest(p_units, p_more) with ordinality as u (units, more, line));

comment on function seckill_private.added (integer[], integer[]) is
  'The sum of two parallel arrays of units; an array that is null, or too short, adds nothing.';

-- file: procedures/internal/reservations/remaining.sql
-- Nearly no reservation was refunded in part: those cost nothing.
create or replace function seckill_private.remaining (
  p_units integer[],
  p_taken integer[]
)
  returns integer[]
  language sql
  immutable
  parallel safe
return case
  when p_taken is null then p_units
  else (select array_agg(u.units - coalesce(u.taken, 0) order by u.line)
          from unnest(p_units, p_taken) with ordinality as u (units, taken, line))
end;

comment on function seckill_private.remaining (integer[], integer[]) is
  'The units of each line less those that were taken from it (null: none).';

-- file: procedures/internal/reservations/unit_lines.sql
-- Nothing is merged here: a reservation with two slots of a pool has two lines.
create or replace function seckill_private.unit_lines (
  p_reservation seckill_private.reservation
)
  returns seckill_private.unit_line[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  select array_agg(
           row(u.pool_id, u.slot, u.quantity, p_reservation.reservation_id, p_reservation.user_id
           )::seckill_private.unit_line)
    into v_lines
    from unnest(p_reservation.pool_ids, p_reservation.slots, p_reservation.quantities)
      as u (pool_id, slot, quantity);
  return v_lines;
end
$function$;

comment on function seckill_private.unit_lines (seckill_private.reservation) is
  'The units of a reservation, as post_movements takes them.';

-- file: procedures/internal/reservations/show_reservation.sql
-- Once all was refunded it reads as it was bought, as one that was cancelled does.
-- Reads only. Whether the row is on disk is the caller's business (read_reservation).
create or replace function seckill_private.show_reservation (
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reservation_result := seckill_private.lines_of(
    p_reservation.pool_ids,
    case p_reservation.state
      when 'refunded' then p_reservation.quantities
      else seckill_private.remaining(p_reservation.quantities, p_reservation.refunded)
    end);
begin
  v_result.status :=
    seckill_private.state_at(p_reservation.state, p_reservation.expires_at, p_now);
  v_result.reservation_id := p_reservation.reservation_id;
  v_result.activity_id := seckill_private.activity_of(p_reservation.reservation_id);
  v_result.user_id := p_reservation.user_id;
  v_result.request_id := p_reservation.request_id;
  v_result.expires_at := p_reservation.expires_at;
  v_result.created_at := p_reservation.created_at;
  v_result.resolved_at := p_reservation.resolved_at;
  if v_result.status = 'expired' then
    v_result.resolved_at := p_reservation.expires_at;
  elsif v_result.status = 'refunded' then
    v_result.resolved_at := p_reservation.refunded_at;
  end if;
  v_result.payment_ref := p_reservation.payment_ref;
  return v_result;
end
$function$;

comment on function seckill_private.show_reservation (seckill_private.reservation, timestamptz) is
  'A reservation as its buyer sees it at an instant.';

-- file: procedures/internal/reservations/read_reservation.sql
-- A read is an answer, too: who is told "held" must find it again after a crash. The first call
-- that drops a sale deletes its pools, and later ones its reservations: in between, and where it
-- overtook the caller, the region is null. Then there is nothing to be seen (drop_archived).
create or replace function seckill_private.read_reservation (
  p_reservation seckill_private.reservation
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.ensure_durable(
    greatest(
      p_reservation.created_at, p_reservation.resolved_at, p_reservation.refunded_at));
  return seckill_private.show_reservation(
    p_reservation,
    seckill_private.now_at(
      null, p_reservation.pool_ids, seckill_private.activity_of(p_reservation.reservation_id),
      p_reservation.user_id));
end
$function$;

comment on function seckill_private.read_reservation (seckill_private.reservation) is
  'A reservation as its buyer sees it now, once it is on disk; its region is null where the sale '
  'was dropped.';

-- file: procedures/internal/reservations/reservation_at.sql
-- The row has what became of it; each step has its instant, so what it was before can be told. What
-- was restored to the limits by then is in the refunds.
create or replace function seckill_private.reservation_at (
  p_reservation seckill_private.reservation,
  p_at timestamptz
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation := p_reservation;
begin
  if v_row.refunded_at > p_at then
    v_row.state := 'confirmed';
    v_row.restored := (
      select array_agg(t.units order by t.line)
        from (select u.line, sum(u.units)::integer as units
                from seckill_private.refund as f
               cross join lateral unnest(f.quantities) with ordinality as u (units, line)
               where f.activity_id = seckill_private.activity_of(v_row.reservation_id)
                 and f.reservation_id = v_row.reservation_id
                 and f.restore_limits
                 and f.at <= p_at
               group by u.line) as t);
  end if;
  if v_row.state <> 'expired' and v_row.resolved_at > p_at then
    v_row.state := 'held';
    v_row.late_status := null;
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.reservation_at (
  seckill_private.reservation, timestamptz) is
  'A reservation as its state and what it had given back to the limits stood at an instant.';

-- file: procedures/internal/reservations/same_request.sql
-- Subjects are not compared: a phone number corrected between two tries is still the same purchase.
create or replace function seckill_private.same_request (
  p_reservation seckill_private.reservation,
  p_user_id text,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result :=
    seckill_private.lines_of(p_reservation.pool_ids, p_reservation.quantities);
begin
  return p_reservation.user_id = p_user_id
     and v_lines.region = p_region
     and v_lines.skus = p_skus
     and v_lines.quantities = p_quantities;
end
$function$;

comment on function seckill_private.same_request (
  seckill_private.reservation, text, text, text[], integer[]) is
  'Whether a reservation was made by this user for this region and these lines (merged, sorted by '
  'sku).';

-- file: procedures/internal/reservations/request_row.sql
-- Two users of one activity may share a key and a shard: who finds them beforehand can ask for both
-- under one request id, which stands for one reservation. So the row may be another user's, and
-- then this one's request conflicts with it (SK004).
create or replace function seckill_private.request_row (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
     and r.shard = seckill_private.shard(p_user_id);
  return v_row;
end
$function$;

comment on function seckill_private.request_row (bigint, text, uuid) is
  'The reservation that a request led to; a row of nulls where there is none.';

-- file: procedures/internal/reservations/find_request.sql
-- Raises: SK004 when the request id stands for another region or other lines.
create or replace function seckill_private.find_request (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation :=
    seckill_private.request_row(p_activity_id, p_user_id, p_request_id);
begin
  if v_row.reservation_id is not null
     and not seckill_private.same_request(v_row, p_user_id, p_region, p_skus, p_quantities) then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.find_request (bigint, text, uuid, text, text[], integer[]) is
  'The reservation that a request of these lines led to; a row of nulls where there is none.';

-- file: procedures/internal/reservations/replay.sql
-- Who asks again gets what was answered, once that is on disk.
create or replace function seckill_private.replay (
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  perform seckill_private.ensure_durable(clock_timestamp());
  v_result.status := 'held';
  v_result.reservation_id := p_reservation.reservation_id;
  v_result.replayed := true;
  v_result.state :=
    seckill_private.state_at(p_reservation.state, p_reservation.expires_at, p_now);
  v_result.expires_at := p_reservation.expires_at;
  return v_result;
end
$function$;

comment on function seckill_private.replay (seckill_private.reservation, timestamptz) is
  'The answer to a request id that was answered before.';

-- file: procedures/internal/reservations/answer_again.sql
-- Errors: SK004 where the request id stands for another region or other lines.
create or replace function seckill_private.answer_again (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation :=
    seckill_private.request_row(p_activity_id, p_user_id, p_request_id);
begin
  if v_row.reservation_id is null then
    return null;
  elsif not seckill_private.same_request(v_row, p_user_id, p_region, p_skus, p_quantities) then
    return seckill_private.request_error('SK004');
  end if;
  return seckill_private.replay(
    v_row, seckill_private.now_at(p_now, v_row.pool_ids, p_activity_id, p_user_id));
end
$function$;

comment on function seckill_private.answer_again (
  timestamptz, bigint, text, uuid, text, text[], integer[]) is
  'The answer to a request id that the buyer has used before; a row of nulls where he has not.';

-- file: procedures/internal/purchases/request_error.sql
-- As reserve_batch shows it. A single call raises the error instead (raise_request_error).
create or replace function seckill_private.request_error (
  p_sqlstate text
)
  returns seckill.reserve_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := 'error';
  v_result.error_code := p_sqlstate;
  return v_result;
end
$function$;

comment on function seckill_private.request_error (text) is
  'An error of the caller as the answer to his request.';

-- file: procedures/internal/purchases/raise_request_error.sql
-- Raises: the error of reserve_one that p_sqlstate names, with its detail.
create or replace function seckill_private.raise_request_error (
  p_sqlstate text,
  p_activity_id bigint,
  p_skus text[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  case p_sqlstate
    when 'SK001' then
      perform seckill_private.require_dimension(seckill_private.missing_dimension(
        (seckill_private.load_sale(p_activity_id)).limits, p_skus, p_digests));
    when 'SK002' then
      perform seckill_private.load_sale(p_activity_id);
    when 'SK003' then
      perform seckill_private.find_pools(p_activity_id, p_skus, p_region);
    else
      perform seckill_private.raise_error(p_sqlstate, 'request ' || p_request_id);
  end case;
end
$function$;

comment on function seckill_private.raise_request_error (
  text, bigint, text[], uuid, text, bytea[]) is
  'Raise what reserve_one answered as an error.';

-- file: procedures/internal/purchases/gate_checks.sql
-- In order of precedence: the sale, the stock of each line, the lists.
create or replace function seckill_private.gate_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_pool_ids bigint[],
  p_now timestamptz
)
  returns setof seckill_private.check
  language sql
  stable
begin atomic
  select c.*
    from seckill_private.sale_check((p_sale).activity, p_now) as c
   union all
  select c.*
    from unnest(p_skus, p_quantities, p_pool_ids) as l (sku, quantity, pool_id)
   cross join lateral seckill_private.stock_check(
           ((p_sale).activity).activity_id, l.pool_id, l.sku, l.quantity, p_now) as c
   union all
  select c.*
    from seckill_private.list_checks(p_sale, p_user_id, p_digests) as c
   where (p_sale).lists is not null;
end;

comment on function seckill_private.gate_checks (
  seckill_private.sale, text, bytea[], text[], integer[], bigint[], timestamptz) is
  'What comes before the limits: is it on sale, are there units, may these subjects buy?';

-- file: procedures/internal/purchases/decide.sql
-- The first check that fails, in order of precedence, or one without answer: then every check has
-- passed, and seen_at is the latest instant at which something was done for the request's subjects.
-- Checks are made one after another, so a refusal costs only what came before it; of the limits all
-- are made. Stock is looked at closely only where the counters were too low (p_is_short): they are
-- a lower bound, and else every purchase would add up all holds that have ended while a sweep is
-- behind. p_is_known: the user may have reservations in the activity (look_at_line). Who has none
-- has used nothing of a limit that counts those alone.
create or replace function seckill_private.decide (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_pool_ids bigint[],
  p_is_short boolean,
  p_is_known boolean,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_limit seckill_private.limit_version;
  v_limit_check seckill_private.check;
  v_seen_at timestamptz;
begin
  if p_is_short or p_sale.lists is not null then
    select c.* into v_check
      from seckill_private.gate_checks(
             p_sale, p_user_id, p_digests, case when p_is_short then p_skus end,
             case when p_is_short then p_quantities end, case when p_is_short then p_pool_ids end,
             p_now) as c
     where c.answer is not null
     limit 1;
  elsif not seckill_private.is_on_sale(
          (p_sale.activity).state, (p_sale.activity).starts_at, (p_sale.activity).ends_at, p_now)
  then
    v_check := seckill_private.sale_check(p_sale.activity, p_now);
  end if;
  if v_check.answer is not null or p_sale.limits is null then
    return v_check;
  end if;
  foreach v_limit in array p_sale.limits loop
    continue when not p_is_known
      and v_limit.dimension = 'user' and not seckill_private.crosses_activities(v_limit)
      and seckill_private.wanted(v_limit, p_skus, p_quantities) <= v_limit.maximum;
    v_limit_check := seckill_private.limit_check(
      v_limit, p_sale.activity, p_user_id, p_digests, p_skus, p_quantities, p_now, p_now, null);
    v_seen_at := greatest(v_seen_at, v_limit_check.seen_at);
    if v_check.answer is null then
      v_check := v_limit_check;
    end if;
  end loop;
  v_check.seen_at := v_seen_at;
  return v_check;
end
$function$;

comment on function seckill_private.decide (
  seckill_private.sale, text, bytea[], text[], integer[], bigint[], boolean,
  boolean, timestamptz) is
  'The first check of a purchase that fails; its answer is null where all pass.';

-- file: procedures/internal/purchases/refusal.sql
-- Fields that the check does not have stay null.
create or replace function seckill_private.refusal (
  p_check seckill_private.check
)
  returns seckill.reserve_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := p_check.answer;
  v_result.limit_name := p_check.limit_name;
  v_result.sku := p_check.sku;
  v_result.remaining := p_check.remaining;
  v_result.epoch := p_check.epoch;
  v_result.retry := p_check.retry;
  v_result.retry_at := p_check.retry_at;
  return v_result;
end
$function$;

comment on function seckill_private.refusal (seckill_private.check) is
  'A failed check as the answer to a purchase.';

-- file: procedures/internal/purchases/enter_queue.sql
-- A pool's queue has max_waiting places, and one for each who may be served at once (its slots); a
-- place is an advisory lock, had until the transaction ends and never waited for. Callers begin to
-- look at different places, so that a queue that is not full costs one look. An order of several
-- lines counts one as being served in each pool: it takes all slots.
create or replace function seckill_private.enter_queue (
  p_pool_ids bigint[],
  p_max_waiting integer,
  p_slots integer default 1
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
  v_place integer;
begin
  if p_max_waiting is null then
    return true;
  end if;
  <<pools>>
  foreach v_pool_id in array p_pool_ids loop
    for v_look in 1 .. p_max_waiting + p_slots loop
      v_place := (pg_backend_pid() + v_look) % (p_max_waiting + p_slots);
      continue pools when pg_try_advisory_xact_lock(
        seckill_private.lock_key('a place in the queue', v_pool_id || '/' || v_place));
    end loop;
    return false;
  end loop;
  return true;
end
$function$;

comment on function seckill_private.enter_queue (bigint[], integer, integer) is
  'Take a place in the queue of each pool; false where one is full. p_max_waiting: null for no '
  'bound.';

-- file: procedures/internal/purchases/write_hold.sql
-- The reservation, which is the ledger row of its hold.
create or replace function seckill_private.write_hold (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_expires_at timestamptz,
  p_limits_revision bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_taken seckill_private.taken,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := 'held';
  v_result.state := 'held';
  v_result.reservation_id := seckill_private.next_reservation_id(p_activity_id);
  v_result.expires_at := p_expires_at;
  insert into seckill_private.reservation (
    buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
    limits_revision, position, pool_ids, slots, quantities, versions, subjects)
  values (
    seckill_private.buyer_key(p_activity_id, p_user_id), p_request_id,
    seckill_private.shard(p_user_id), v_result.reservation_id, p_user_id, 'held', p_now,
    p_expires_at, p_limits_revision, p_taken.position, p_pool_ids, p_taken.slots, p_quantities,
    p_taken.versions, p_digests);
  return v_result;
end
$function$;

comment on function seckill_private.write_hold (
  timestamptz, bigint, text, uuid, timestamptz, bigint, bigint[], integer[],
  seckill_private.taken, bytea[]) is
  'Write the reservation of units that were taken, and give the answer held.';

-- file: procedures/internal/purchases/take_hold.sql
-- Take the units and write the reservation. A purchase that lacks units takes holds that have ended
-- and releases that are due first. When it is still short while there should be enough, somebody
-- else has those in hand: that is busy, not sold_out. So is a pool whose queue is full.
-- The hold lasts from when the units were had: the wait for the slot is not the buyer's time.
-- p_clock is what tests pass; null means the clock. p_slots: of the pool, where it is one.
-- Locks: due holds by SKIP LOCKED, the pools' slots ascending.
create or replace function seckill_private.take_hold (
  p_now timestamptz,
  p_clock timestamptz,
  p_sale seckill_private.sale,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_pool_ids bigint[],
  p_digests bytea[],
  p_is_short boolean,
  p_slots integer,
  p_locked boolean
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_check seckill_private.check;
  v_activity_id bigint := (p_sale.activity).activity_id;
  v_hold interval := make_interval(secs => (p_sale.activity).hold_seconds);
  v_pool_ids bigint[] := p_pool_ids;
  v_quantities integer[] := p_quantities;
  v_taken seckill_private.taken;
begin
  if cardinality(p_pool_ids) > 1 then
    select array_agg(l.pool_id order by l.pool_id), array_agg(l.quantity order by l.pool_id)
      into v_pool_ids, v_quantities
      from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity);
  end if;
  if (p_sale.activity).max_waiting is not null
     and not seckill_private.enter_queue(
           p_pool_ids, (p_sale.activity).max_waiting, coalesce(p_slots, 1)) then
    v_result.status := 'busy';
    v_result.retry := 'busy';
    return v_result;
  end if;
  v_taken := seckill_private.take_units(
    p_now, v_activity_id, v_pool_ids, v_quantities, p_now + v_hold, p_is_short, p_slots, p_user_id,
    p_locked);
  if v_taken.versions is null then
    select c.* into v_check
      from seckill_private.gate_checks(
             p_sale, p_user_id, p_digests, p_skus, p_quantities, p_pool_ids, p_now) as c
     where c.check_name = 'stock'
       and c.answer is not null
     limit 1;
    v_result := seckill_private.refusal(v_check);
    v_result.status := coalesce(v_result.status, 'busy');
    v_result.retry := coalesce(v_result.retry, 'busy');
    return v_result;
  end if;
  return seckill_private.write_hold(
    p_now, v_activity_id, p_user_id, p_request_id,
    greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_hold, p_sale.limits_revision,
    v_pool_ids, v_quantities, v_taken, p_digests);
end
$function$;

comment on function seckill_private.take_hold (
  timestamptz, timestamptz, seckill_private.sale, text, text[], integer[], uuid, bigint[],
  bytea[], boolean, integer, boolean) is
  'Take units that were there a moment ago and write the reservation: held, sold_out or busy.';

-- file: procedures/internal/purchases/look_at_line.sql
-- What a purchase of one sku starts from, in one look: the sale, the pool, its counters, and
-- whether the buyer is known, that is, has any reservation in the activity. Who is not has used
-- nothing of the limits that count it, has seen nothing, and has asked for nothing before. Another
-- user's of the same key and shard counts too: his request ids conflict (request_row).
-- Most pools have one row; those of several have them added up in a second statement, which sees
-- the same snapshot.
-- Called under the user's lock, in a statement of its own.
create or replace function seckill_private.look_at_line (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_region text
)
  returns seckill_private.line_look
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_look seckill_private.line_look;
begin
  select a.state, a.starts_at, a.ends_at, a.hold_seconds, a.max_waiting,
         case when l.global_limits = 0 then a.newcomer_units else 0 end, l.revision, p.pool_id,
         p.slot_rows, s.available, s.held, s.epoch, s.next_expiry, s.next_release, s.seen_at,
         exists (
           select from seckill_private.reservation as r
            where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
              and r.shard = seckill_private.shard(p_user_id))
    into v_look
    from seckill_private.activity as a
    join seckill_private.pool as p
      on p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region
    join seckill_private.pool_slot as s
      on s.pool_id = p.pool_id
     and s.slot = 0
    join seckill_private.limits_revision as l
      on l.only_row
   where a.activity_id = p_activity_id
     and a.dropped_at is null;
  if v_look.slot_rows > 1 then
    select sum(s.available), sum(s.held), sum(s.epoch), min(s.next_expiry), min(s.next_release),
           max(s.seen_at)
      into v_look.available, v_look.held, v_look.epoch, v_look.next_expiry, v_look.next_release,
           v_look.seen_at
      from seckill_private.pool_slot as s
     where s.pool_id = v_look.pool_id;
  end if;
  return v_look;
end
$function$;

comment on function seckill_private.look_at_line (bigint, text, text, text) is
  'A sale, the pool of one sku in it, and whether the buyer has reservations there; a row of nulls '
  'where there is no such pool.';

-- file: procedures/internal/purchases/answer_newcomer.sql
-- In the first second nearly every call comes from a user who has nothing in the sale yet, and
-- after it nearly every one is refused. Both are answered from the first look, where it shows that
-- nothing comes before sold_out or held: no earlier request, no error, the sale is on, no limit or
-- list has to be read (newcomer_units), and the counters stand (no hold has ended unswept, no
-- release is due). What is not that plain is left to the full decision, which would give the same
-- answer.
-- Who names other subjects goes the full way: they have to be locked before a purchase.
-- Locks: the pool's slot.
create or replace function seckill_private.answer_newcomer (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_digests bytea[],
  p_look seckill_private.line_look
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_hold record;
  v_returns record;
  v_now timestamptz := greatest(coalesce(p_now, clock_timestamp()), p_look.seen_at);
  v_lasts interval := make_interval(secs => p_look.hold_seconds);
begin
  if p_look.is_known is not false or not seckill_private.is_on_sale(
       p_look.state, p_look.starts_at, p_look.ends_at, v_now) then
    return null;
  elsif p_look.available >= p_quantity then
    if p_quantity <= p_look.newcomer_units and p_digests is null and p_look.slot_rows = 1
       and p_look.max_waiting is null then
      v_hold := seckill_private.hold_units(v_now, p_look.pool_id, p_quantity, v_now + v_lasts);
      if v_hold.version is not null then
        v_result := seckill_private.write_hold(
          v_now, p_activity_id, p_user_id, p_request_id,
          greatest(v_now, coalesce(p_now, clock_timestamp())) + v_lasts, p_look.limits_revision,
          array[p_look.pool_id], array[p_quantity],
          row(array[0], array[v_hold.version], v_hold.feed_position)::seckill_private.taken, null);
      end if;
    end if;
    return v_result;
  elsif p_look.next_expiry <= v_now or p_look.next_release <= v_now then
    return null;
  elsif p_look.newcomer_units = 0 then
    if exists (
         select from seckill_private.limit_version as l
          where (l.activity_id = p_activity_id or l.activity_id is null)
            and l.until_revision is null
            and l.dimension <> 'user'
            and l.required
            and seckill_private.digest_of(p_digests, l.dimension) is null) then
      return null;
    end if;
  end if;
  v_returns := seckill_private.stock_returns(
    p_activity_id, p_look.pool_id, p_look.held, p_look.next_release, p_look.next_expiry, v_now);
  v_result.status := 'sold_out';
  v_result.sku := p_sku;
  v_result.remaining := p_look.available;
  v_result.epoch := p_look.epoch;
  v_result.retry := v_returns.retry;
  v_result.retry_at := v_returns.retry_at;
  -- Null where the release that the look saw has come, or was taken back, since then.
  return case
    when v_returns.retry = 'not_yet' or p_look.next_release = 'infinity' then v_result
  end;
end
$function$;

comment on function seckill_private.answer_newcomer (
  timestamptz, bigint, text, text, integer, uuid, bytea[], seckill_private.line_look) is
  'The answer to a user without reservations where it is certain at one look, sold_out or held, '
  'else a row of nulls.';

-- file: procedures/internal/purchases/reserve_one.sql
-- The whole decision "may this buyer have these units?". Lines are merged and sorted by sku.
-- p_locked: the transaction has the slots of these pools, so no lower one may be waited for.
-- p_sale: as a batch read it when it locked the subjects of all its requests. A limit that was set
-- since then does not bind it: to lock by that one now would be out of order.
--
-- Precedence: replay; ended, not_started, paused; sold_out; not_eligible; limit_exceeded; busy;
--   held. Exact for calls one after another; under concurrency a status was true at some moment
--   during the call.
-- Time: a clock that is behind what the subjects have seen is moved up to it, and the decision made
--   once more: else a window that is over would open again.
-- v_locked is never read: see seckill.reserve.
-- Locks: the user; the request's other subjects, where no p_sale is given; due holds of the pools
--   by SKIP LOCKED; the pools' slots, taken last, held shortest.
-- Errors: SK001 (a limit's dimension is missing), SK002, SK003, SK004 are rows too (status error),
--   so that one of them in a batch costs no subtransaction. A refusal writes nothing and may be
--   tried again with the same request id.
create or replace function seckill_private.reserve_one (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[],
  p_locked boolean,
  p_sale seckill_private.sale default null
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_sale seckill_private.sale;
  v_check seckill_private.check;
  v_look seckill_private.line_look;
  v_pool_ids bigint[];
  v_is_short boolean;
  v_is_known boolean := true;
  v_now timestamptz;
  v_locked boolean := seckill_private.lock_subject('user', p_user_id);
begin
  if cardinality(p_skus) = 1 then
    v_look := seckill_private.look_at_line(p_activity_id, p_user_id, p_skus[1], p_region);
    v_pool_ids := array[v_look.pool_id];
    v_result := seckill_private.answer_newcomer(
      p_now, p_activity_id, p_user_id, p_skus[1], p_quantities[1], p_request_id, p_digests, v_look);
    if v_result.status is not null then
      v_result.replayed := false;
      return v_result;
    end if;
    v_is_short := v_look.available < p_quantities[1];
    v_is_known := v_look.is_known;
  else
    v_pool_ids := seckill_private.pools_of_lines(p_activity_id, p_skus, p_region);
    v_is_short := seckill_private.short_pools(v_pool_ids, p_quantities::bigint[]) is not null;
  end if;
  v_sale := coalesce(p_sale, seckill_private.find_sale(p_activity_id));
  if (v_sale.activity).activity_id is null then
    return seckill_private.request_error('SK002');
  end if;
  if v_is_known is not false then
    v_result := seckill_private.answer_again(
      p_now, p_activity_id, p_user_id, p_request_id, p_region, p_skus, p_quantities);
    if v_result.status is not null then
      return v_result;
    end if;
  end if;
  if array_position(v_pool_ids, null) is not null then
    return seckill_private.request_error('SK003');
  elsif seckill_private.missing_dimension(v_sale.limits, p_skus, p_digests) is not null then
    return seckill_private.request_error('SK001');
  end if;
  if p_digests is not null and p_sale is null then
    perform seckill_private.lock_digests(p_digests, v_sale.limits);
  end if;
  v_now := case
    when not v_is_known and p_digests is null
      then greatest(coalesce(p_now, clock_timestamp()), v_look.seen_at)
    else seckill_private.now_at(p_now, v_pool_ids, p_activity_id, p_user_id)
  end;
  loop
    v_check := seckill_private.decide(
      v_sale, p_user_id, p_digests, p_skus, p_quantities, v_pool_ids, v_is_short, v_is_known,
      v_now);
    exit when (v_check.seen_at > v_now) is not true;
    v_now := v_check.seen_at;
  end loop;
  if v_check.answer is not null then
    v_result := seckill_private.refusal(v_check);
  else
    v_result := seckill_private.take_hold(
      v_now, p_now, v_sale, p_user_id, p_skus, p_quantities, p_request_id, v_pool_ids, p_digests,
      v_is_short, v_look.slot_rows, p_locked);
  end if;
  v_result.replayed := false;
  return v_result;
end
$function$;

comment on function seckill_private.reserve_one (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[], boolean,
  seckill_private.sale) is
  'Reserve the lines of an order for one buyer at a given instant (null: the clock). p_locked: the '
  'transaction holds slots already.';

-- file: procedures/internal/purchases/reserve_at.sql
-- Precedence, locks, refusals: reserve_one, of which this is the form that raises.
-- Raises: SK001 (a limit's dimension is missing), SK002, SK003, SK004.
create or replace function seckill_private.reserve_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result := seckill_private.reserve_one(
    p_now, p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region, p_digests,
    false);
begin
  if v_result.status = 'error' then
    perform seckill_private.raise_request_error(
      v_result.error_code, p_activity_id, p_skus, p_request_id, p_region, p_digests);
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.reserve_at (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[]) is
  'The body of seckill.reserve and seckill.reserve_lines, at a given instant (null: the clock).';

-- file: procedures/internal/purchases/show_check.sql
-- resets_at of a limit is its window's, as in seckill.limit_usage_at; of any other check when its
-- answer can first change by itself. What only the decision needs (sku, epoch, seen_at) is left
-- out.
create or replace function seckill_private.show_check (
  p_check seckill_private.check
)
  returns seckill.check_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.check_result;
begin
  v_result.status := case when p_check.answer is null then 'pass' else 'fail' end;
  v_result.check_name := p_check.check_name;
  v_result.limit_name := p_check.limit_name;
  v_result.dimension := p_check.dimension;
  v_result.used := p_check.used;
  v_result.maximum := p_check.maximum;
  v_result.remaining := p_check.remaining;
  v_result.resets_at := case when p_check.check_name = 'limit'
    then p_check.resets_at else p_check.retry_at
  end;
  v_result.retry := p_check.retry;
  return v_result;
end
$function$;

comment on function seckill_private.show_check (seckill_private.check) is
  'A check as seckill.explain shows it.';

-- file: procedures/internal/purchases/explain_at.sql
-- The checks of reserve_at, all of them and in their order; nothing is locked. A request that was
-- answered before is not checked again.
-- Raises: as reserve_at.
create or replace function seckill_private.explain_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns setof seckill.check_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_sale seckill_private.sale := seckill_private.load_sale(p_activity_id);
  v_row seckill_private.reservation := seckill_private.find_request(
    p_activity_id, p_user_id, p_request_id, p_region, p_skus, p_quantities);
  v_pool_ids bigint[];
  v_now timestamptz;
begin
  if v_row.reservation_id is not null then
    v_check.check_name := 'replay';
    return next seckill_private.show_check(v_check);
    return;
  end if;
  v_pool_ids := seckill_private.find_pools(p_activity_id, p_skus, p_region);
  perform seckill_private.require_dimension(
    seckill_private.missing_dimension(v_sale.limits, p_skus, p_digests));
  v_now := seckill_private.now_at(p_now, v_pool_ids, p_activity_id, p_user_id);
  v_now := greatest(v_now, (
    select max(c.seen_at)
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_now, v_now) as c));
  return query
    select s.*
      from seckill_private.gate_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_pool_ids, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
  return query
    select s.*
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_now, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
end
$function$;

comment on function seckill_private.explain_at (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[]) is
  'Every check of a purchase at a given instant (null: the clock); the body of seckill.explain.';

-- file: procedures/internal/batches/lock_all_digests.sql
-- Locks: the subjects of a batch beside its users, as lock_digests does, by the limits of all its
-- sales.
create or replace function seckill_private.lock_all_digests (
  p_requests seckill_private.request[],
  p_sales seckill_private.sale[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.lock_digests(
    array(select distinct d.digest
            from unnest(p_requests) as r
           cross join lateral unnest(r.digests) as d (digest)),
    array(select l
            from unnest(p_sales) as s
           cross join lateral unnest(s.limits) as l));
end
$function$;

comment on function seckill_private.lock_all_digests (
  seckill_private.request[], seckill_private.sale[]) is
  'Take the advisory locks of the subjects of a batch.';

-- file: procedures/internal/batches/read_requests.sql
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

-- file: procedures/internal/batches/sales_of.sql
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

-- file: procedures/internal/batches/pools_of_batch.sql
-- Where a pool has too few for all that ask, those ended holds are given back that have units of
-- other pools, too: that can be done only while no slot is locked. Others are when they are needed.
-- Locks: due holds by SKIP LOCKED; the slots of the pools and of those holds, and the inventory
--   where one owes units, where there are several pools, or any such holds.
-- decided_at: the clock, read after the locks, or what the pools have seen, where that is less than
-- a second ahead: others were a moment quicker. A pool that is further ahead is not fresh: its
-- requests are decided one by one, each at its own time.
create or replace function seckill_private.pools_of_batch (
  p_now timestamptz,
  p_requests seckill_private.request[],
  out pool_ids bigint[],
  out fresh_ids bigint[],
  out available bigint[],
  out decided_at timestamptz,
  out locked boolean
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_clock timestamptz := coalesce(p_now, clock_timestamp());
  v_asked bigint[];
  v_activity_ids bigint[];
  v_lines seckill_private.unit_line[];
begin
  select coalesce(array_agg(q.pool_id order by q.pool_id), '{}'),
         array_agg(q.units order by q.pool_id), array_agg(distinct q.activity_id)
    into pool_ids, v_asked, v_activity_ids
    from (select r.pool_id, r.activity_id, sum(r.quantity)::bigint as units
            from unnest(p_requests) as r
           where r.pool_id is not null and r.error_code is null
           group by r.pool_id, r.activity_id) as q;
  if exists (
    select from seckill_private.pool_slot as s
     where s.pool_id = any (pool_ids)
       and s.next_expiry <= v_clock
  ) then
    v_lines := seckill_private.pick_short(
      v_clock, v_activity_ids, pool_ids, v_asked, null, p_beyond => pool_ids);
  end if;
  locked := cardinality(pool_ids) > 1 or v_lines is not null;
  if locked then
    perform seckill_private.lock_stock(
      pool_ids || array(select l.pool_id from unnest(v_lines) as l));
  end if;
  v_clock := coalesce(p_now, clock_timestamp());
  if v_lines is not null then
    perform seckill_private.post_movements(v_clock, 'expire', 'held', 'available', v_lines);
  end if;
  select array_agg(p.pool_id) filter (where p.seen_at < v_clock + interval '1 second'),
         greatest(v_clock, max(p.seen_at) filter (
           where p.seen_at < v_clock + interval '1 second'))
    into fresh_ids, decided_at
    from (select s.pool_id, max(s.seen_at) as seen_at
            from seckill_private.pool_slot as s
           where s.pool_id = any (pool_ids)
           group by s.pool_id) as p;
  available := seckill_private.available_of(pool_ids);
end
$function$;

comment on function seckill_private.pools_of_batch (timestamptz, seckill_private.request[]) is
  'The pools of a batch, ascending: what is available in each, and the instant of the decision.';

-- file: procedures/internal/batches/mark_within.sql
-- The same use as limit_use_of counts, for all requests of a batch in one statement. p_known:
-- whether the user has reservations in the activity, and whether there is a look worth its time.
-- "offset 0" keeps the planner from working out a digest wherever it is used.
create or replace function seckill_private.mark_within (
  p_requests seckill_private.request[],
  p_plain boolean[],
  p_known boolean[],
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns boolean[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone), p_now);
  v_only bigint[] := seckill_private.pools_of_sku(p_limit.sku, p_activity.activity_id);
  v_by_user boolean := p_limit.dimension = 'user';
  v_by_end boolean := p_limit.metric = 'expired_holds';
  v_twice bytea[] := case when not v_by_user then array(
    select d.digest
      from (select seckill_private.digest_of(r.digests, p_limit.dimension) as digest
              from unnest(p_requests) as r) as d
     where d.digest is not null
     group by d.digest
    having count(*) > 1) end;
begin
  return array(
    select q.plain and (
             q.wanted = 0
             or (v_by_user or q.digest is not null and q.digest <> all (v_twice))
                and case
                  when q.keys is null and q.digest is null then q.wanted <= p_limit.maximum
                  else (
                    select coalesce(sum(
                             case
                               when case when v_by_end then o.expires_at else o.created_at end
                                    <@ v_window
                                 then seckill_private.counted(p_limit.metric, o, v_only, p_now)
                               else 0
                             end), 0) + q.wanted <= p_limit.maximum
                           and coalesce(
                             max(greatest(o.created_at, o.resolved_at, o.refunded_at)) <= p_now,
                             true)
                      from seckill_private.reservations_of(
                             q.keys, q.user_id, p_activity.activity_id, q.digest) as o)
                end)
      from (select r.ordinal, r.user_id, p_plain[r.ordinal] as plain,
                   case
                     when r.activity_id = p_activity.activity_id
                       then seckill_private.wanted(p_limit, array[r.sku], array[r.quantity])
                     else 0
                   end as wanted,
                   case when v_by_user and p_known[r.ordinal]
                     then array[seckill_private.buyer_key(r.activity_id, r.user_id)]
                   end as keys,
                   case when not v_by_user
                     then seckill_private.digest_of(r.digests, p_limit.dimension)
                   end as digest
              from unnest(p_requests) as r
            offset 0) as q
     order by q.ordinal);
end
$function$;

comment on function seckill_private.mark_within (
  seckill_private.request[], boolean[], boolean[], seckill_private.limit_version,
  seckill_private.activity, timestamptz) is
  'Leave those requests of a batch marked as plain for which a limit has room.';

-- file: procedures/internal/batches/mark_plain.sql
-- Finds, with one look for the whole batch, the requests of a sale that may be granted while
-- their pool has the units: it is on sale, has no lists, nothing is known of the request id, no
-- other request of the batch has the same user, limited subject or request id, no row has seen a
-- later time, and every limit has room. The others are decided one by one (reserve_one), by the
-- same rules.
-- Not exists: a hashed subplan would read the whole table.
create or replace function seckill_private.mark_plain (
  p_requests seckill_private.request[],
  p_plain boolean[],
  p_sale seckill_private.sale,
  p_fresh_pool_ids bigint[],
  p_now timestamptz
)
  returns boolean[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity := p_sale.activity;
  v_limit seckill_private.limit_version;
  v_twice text[];
  v_ids_twice uuid[];
  v_plain boolean[];
  v_known boolean[];
begin
  if p_sale.lists is not null
     or not seckill_private.is_on_sale(
          v_activity.state, v_activity.starts_at, v_activity.ends_at, p_now)
     or exists (select from unnest(p_sale.limits) as l
                 where seckill_private.crosses_activities(l)) then
    return p_plain;
  end if;
  v_twice := array(
    select r.user_id
      from unnest(p_requests) as r
     where r.error_code is null
     group by r.user_id
    having count(*) > 1);
  v_ids_twice := array(
    select r.request_id from unnest(p_requests) as r group by r.request_id having count(*) > 1);
  select array_agg(
           p_plain[r.ordinal]
           or r.activity_id = v_activity.activity_id and r.error_code is null
              and r.user_id <> all (v_twice)
              and r.request_id <> all (v_ids_twice)
              and r.pool_id = any (p_fresh_pool_ids)
              and (not r.known or (
                select bool_and(
                         o.request_id <> r.request_id
                         and greatest(o.created_at, o.resolved_at, o.refunded_at) <= p_now)
                  from seckill_private.reservation as o
                 where o.buyer_key
                       = seckill_private.buyer_key(v_activity.activity_id, r.user_id)
                   and o.shard = seckill_private.shard(r.user_id)))
           order by r.ordinal),
         array_agg(r.known order by r.ordinal)
    into v_plain, v_known
    from (select q.*,
                 coalesce((
                   select true
                     from seckill_private.reservation as o
                    where o.buyer_key
                          = seckill_private.buyer_key(v_activity.activity_id, q.user_id)
                      and o.shard = seckill_private.shard(q.user_id)
                    limit 1), false) as known
            from unnest(p_requests) as q
          offset 0) as r;
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_plain := seckill_private.mark_within(
      p_requests, v_plain, v_known, v_limit, v_activity, p_now);
  end loop;
  return v_plain;
end
$function$;

comment on function seckill_private.mark_plain (
  seckill_private.request[], boolean[], seckill_private.sale, bigint[], timestamptz) is
  'Mark the requests of a batch that nothing but want of units can refuse; p_plain: those of other '
  'sales that are marked.';

-- file: procedures/internal/batches/grant_plain.sql
-- The holds of some requests of a batch, each pool's with one update of one slot. What is not in
-- the answer had too few units left in its pool after all, or its queue was full, or its slots were
-- in others' hands. p_clock is what tests pass; null means the clock. p_locked: the transaction may
-- have slots already.
-- Locks: slots ascending, or by SKIP LOCKED.
create or replace function seckill_private.grant_plain (
  p_now timestamptz,
  p_clock timestamptz,
  p_requests seckill_private.request[],
  p_sales seckill_private.sale[],
  p_locked boolean
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_pool record;
  v_hold record;
  v_slot smallint;
  v_ids bigint[];
begin
  v_result.status := 'held';
  v_result.state := 'held';
  v_result.replayed := false;
  for v_pool in
    select r.pool_id, sum(r.quantity)::bigint as units, count(*)::integer as lines,
           array_agg(r order by r.ordinal) as requests,
           array_agg(r.ordinal order by r.ordinal) as ordinals, min(r.activity_id) as activity_id,
           min(s.limits_revision) as limits_revision,
           min((s.activity).max_waiting) as max_waiting,
           make_interval(secs => min((s.activity).hold_seconds)) as hold,
           (select p.slot_rows from seckill_private.pool as p where p.pool_id = r.pool_id) as slots
      from unnest(p_requests) as r
      join unnest(p_sales) as s on (s.activity).activity_id = r.activity_id
     group by r.pool_id
     order by r.pool_id
  loop
    continue when not seckill_private.enter_queue(
      array[v_pool.pool_id], v_pool.max_waiting, v_pool.slots);
    v_slot := 0;
    if v_pool.slots = 1 then
      v_hold := seckill_private.hold_units(
        p_now, v_pool.pool_id, v_pool.units, p_now + v_pool.hold, v_pool.lines);
    else
      v_hold := seckill_private.take_slots(
        p_now, v_pool.activity_id, v_pool.pool_id, v_pool.units, p_now + v_pool.hold, v_pool.lines,
        seckill_private.shard((p_requests[1]).user_id), null, p_locked);
      v_slot := v_hold.slot;
    end if;
    continue when v_hold.version is null;
    v_result.expires_at := greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_pool.hold;
    v_ids := array(
      select seckill_private.next_reservation_id(v_pool.activity_id)
        from generate_series(1, v_pool.lines));
    insert into seckill_private.reservation (
      buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
      limits_revision, position, pool_ids, slots, quantities, versions, subjects)
    select seckill_private.buyer_key(r.activity_id, r.user_id), r.request_id,
           seckill_private.shard(r.user_id), v_ids[r.line], r.user_id, 'held', p_now,
           v_result.expires_at, v_pool.limits_revision, v_hold.feed_position, array[r.pool_id],
           array[v_slot], array[r.quantity], array[v_hold.version - v_pool.lines + r.line],
           r.digests
      from unnest(v_pool.requests) with ordinality as r (
             ordinal, activity_id, user_id, sku, quantity, request_id, region, digests, error_code,
             pool_id, line);
    for v_line in 1 .. v_pool.lines loop
      v_result.ordinal := v_pool.ordinals[v_line];
      v_result.reservation_id := v_ids[v_line];
      return next v_result;
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.grant_plain (
  timestamptz, timestamptz, seckill_private.request[], seckill_private.sale[], boolean) is
  'Take the units of plain requests and write their reservations; the answers.';

-- file: procedures/internal/batches/settle_batch.sql
-- Grants what is pending, then decides one by one what was short after all, and the request that
-- made it necessary.
create or replace function seckill_private.settle_batch (
  p_now timestamptz,
  p_clock timestamptz,
  p_pending seckill_private.request[],
  p_next seckill_private.request,
  p_sales seckill_private.sale[],
  p_locked boolean
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_request seckill_private.request;
  v_granted integer[] := '{}';
  v_short seckill_private.request[] := p_pending;
begin
  if cardinality(p_pending) > 0 then
    for v_result in
      select g.* from seckill_private.grant_plain(p_now, p_clock, p_pending, p_sales, p_locked) as g
    loop
      v_granted := v_granted || v_result.ordinal;
      return next v_result;
    end loop;
  end if;
  if cardinality(v_granted) = cardinality(p_pending) then
    v_short := '{}';
    v_granted := null;
  end if;
  foreach v_request in array v_short || p_next loop
    if v_request.ordinal is not null
       and (v_granted is null or v_request.ordinal <> all (v_granted)) then
      v_result := seckill_private.reserve_one(
        p_clock, v_request.activity_id, v_request.user_id, array[v_request.sku],
        array[v_request.quantity], v_request.request_id, v_request.region, v_request.digests,
        p_locked or cardinality(p_pending) > 0,
        (select s from unnest(p_sales) as s
          where (s.activity).activity_id = v_request.activity_id));
      v_result.ordinal := v_request.ordinal;
      return next v_result;
    end if;
  end loop;
end
$function$;

comment on function seckill_private.settle_batch (
  timestamptz, timestamptz, seckill_private.request[], seckill_private.request,
  seckill_private.sale[], boolean) is
  'The answers to the pending requests of a batch and to the one after them.';

-- file: procedures/internal/batches/reserve_batch_at.sql
-- The requests of a batch, answered as if they had come one after another in their order. A request
-- that only want of units can refuse (mark_plain) waits until the next one that has to be looked at
-- by itself, or the end; then all that wait are granted with one update of each slot (grant_plain).
-- Counting units in memory is safe: the update is conditional, and what it refuses is decided anew.
-- Pools are few in a batch. Those of several are locked before the first request, since locks on
-- slots are waited for in ascending order only.
-- Locks: the users; the other subjects; slots ascending, and of several pools the inventory of
--   those in debt (pools_of_batch); due holds by SKIP LOCKED.
create or replace function seckill_private.reserve_batch_at (
  p_now timestamptz,
  p_requests seckill_private.request[]
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sales seckill_private.sale[];
  v_plain boolean[] := array_fill(false, array[cardinality(p_requests)]);
  v_request seckill_private.request;
  v_pending seckill_private.request[] := '{}';
  v_results seckill.reserve_result[];
  v_result seckill.reserve_result;
  v_refusal seckill.reserve_result;
  v_refused seckill_private.request;
  v_pools record;
  v_left bigint[];
  v_at integer;
  v_now timestamptz;
begin
  perform seckill_private.lock_buyers(
    array(select r.user_id from unnest(p_requests) as r where r.error_code is null));
  v_sales := seckill_private.sales_of(p_requests);
  perform seckill_private.lock_all_digests(p_requests, v_sales);
  select * into v_pools from seckill_private.pools_of_batch(p_now, p_requests);
  v_left := v_pools.available;
  v_now := v_pools.decided_at;
  for i in 1 .. cardinality(v_sales) loop
    v_plain := seckill_private.mark_plain(
      p_requests, v_plain, v_sales[i], v_pools.fresh_ids, v_now);
  end loop;
  foreach v_request in array p_requests loop
    v_at := array_position(v_pools.pool_ids, v_request.pool_id);
    if v_request.error_code is not null then
      v_results[v_request.ordinal] := seckill_private.request_error(v_request.error_code);
    elsif v_plain[v_request.ordinal] and v_left[v_at] >= v_request.quantity then
      v_left[v_at] := v_left[v_at] - v_request.quantity;
      v_pending := v_pending || v_request;
      v_refused := null;
    elsif v_plain[v_request.ordinal] and v_request.pool_id = v_refused.pool_id
          and v_request.quantity = v_refused.quantity then
      v_results[v_request.ordinal] := v_refusal;
    else
      for v_result in
        select b.*
          from seckill_private.settle_batch(
                 v_now, p_now, v_pending, v_request, v_sales, v_pools.locked) as b
      loop
        v_results[v_result.ordinal] := v_result;
      end loop;
      v_pending := '{}';
      v_pools.locked := true;
      v_left := seckill_private.available_of(v_pools.pool_ids);
      v_refusal := v_results[v_request.ordinal];
      v_refused := case
        when v_plain[v_request.ordinal] and v_refusal.status = 'sold_out' then v_request
      end;
    end if;
  end loop;
  for v_result in
    select b.*
      from seckill_private.settle_batch(
             v_now, p_now, v_pending, null, v_sales, v_pools.locked) as b
  loop
    v_results[v_result.ordinal] := v_result;
  end loop;
  for i in 1 .. cardinality(p_requests) loop
    v_result := v_results[i];
    v_result.ordinal := i;
    return next v_result;
  end loop;
end
$function$;

comment on function seckill_private.reserve_batch_at (timestamptz, seckill_private.request[]) is
  'Reserve a batch of requests at a given instant (null: the clock); the body of '
  'seckill.reserve_batch.';

-- file: procedures/internal/payments/fault_in_payment.sql
-- What seckill.confirm would raise for its arguments; in a batch it is the row's own answer.
create or replace function seckill_private.fault_in_payment (
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when p_reservation_id is null
    or seckill_private.fault_in_text('p_user_id', p_user_id) is not null
    or p_payment_ref is not null
       and seckill_private.fault_in_text('p_payment_ref', p_payment_ref) is not null
    then 'SK001'
end;

comment on function seckill_private.fault_in_payment (text, bigint, text) is
  'SK001 for a payment whose arguments make no sense, else null.';

-- file: procedures/internal/payments/validate_refund.sql
-- Naming lines or quantities makes a refund partial, and a partial one needs a request id: without
-- it nobody could tell a second refund of one unit from a repeat of the first.
-- Raises: SK001.
create or replace function seckill_private.validate_refund (
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_restock boolean,
  p_restore_limits boolean
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := case
    when p_restock is null then 'p_restock must not be null'
    when p_restore_limits is null then 'p_restore_limits must not be null'
    when p_skus is null and p_quantities is null then null
    when p_request_id is null then 'a partial refund needs p_request_id'
    when cardinality(coalesce(p_skus, p_quantities::text[])) not between 1 and 50
      then 'a refund names 1 to 50 lines'
    when cardinality(p_skus) <> cardinality(p_quantities)
      then 'p_skus and p_quantities must be equally long'
    when exists (select from unnest(p_skus) as s (sku)
                  where seckill_private.fault_in_text('p_skus', s.sku) is not null)
      then 'p_skus must have 1 to 200 characters each'
    when exists (select from unnest(p_quantities) as q (quantity)
                  where q.quantity is null or q.quantity <= 0)
      then 'p_quantities must be positive'
  end;
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
end
$function$;

comment on function seckill_private.validate_refund (
  text[], integer[], uuid, boolean, boolean) is
  'Refuse a refund whose arguments make no sense, whatever the reservation.';

-- file: procedures/internal/payments/now_of_rows.sql
-- As seckill_private.now_at, for a batch: one instant for all, which none of its users and pools
-- has yet passed.
create or replace function seckill_private.now_of_rows (
  p_now timestamptz,
  p_rows seckill_private.reservation[]
)
  returns timestamptz
  language sql
  volatile
begin atomic
  select greatest(
           coalesce(p_now, clock_timestamp()),
           (select max(s.seen_at)
              from seckill_private.pool_slot as s
             where s.pool_id = any (array(
                     select unnest(r.pool_ids) from unnest(p_rows) as r))),
           (select max(greatest(o.created_at, o.resolved_at, o.refunded_at))
              from seckill_private.reservation as o
             where o.buyer_key = any (array(select r.buyer_key from unnest(p_rows) as r))
               and o.user_id = any (array(select r.user_id from unnest(p_rows) as r))));
end;

comment on function seckill_private.now_of_rows (
  timestamptz, seckill_private.reservation[]) is
  'The instant of a batch: the clock, but never before what its pools and users have seen.';

-- file: procedures/internal/payments/late_check.sql
-- Which limits, and in which windows: limit_checks. What the subjects have done since the payment
-- read the clock is seen, so the decision is no older than that (seen_at).
create or replace function seckill_private.late_check (
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_lines seckill.reservation_result :=
    seckill_private.lines_of(p_reservation.pool_ids, p_reservation.quantities);
begin
  select min(c.answer), greatest(max(c.seen_at), p_now)
    into v_check.answer, v_check.seen_at
    from seckill_private.limit_checks(
           p_sale, p_reservation.user_id, p_reservation.subjects, v_lines.skus,
           v_lines.quantities, p_now, p_reservation.created_at, p_reservation.reservation_id) as c;
  return v_check;
end
$function$;

comment on function seckill_private.late_check (
  seckill_private.sale, seckill_private.reservation, timestamptz) is
  'Whether a limit forbids that an expired reservation is paid late, and when that was decided.';

-- file: procedures/internal/payments/asked_lines.sql
-- What a refund asks for, in one form, so that a repeat can be compared: merged by sku and sorted.
-- Quantities without skus are those of the lines as they were reserved. Skus without quantities ask
-- for all that remains of them; neither, for all that remains: then the fields stay null. They do,
-- too, where quantities alone are not as many as the lines.
create or replace function seckill_private.asked_lines (
  p_reservation seckill_private.reservation,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_asked seckill.reservation_result;
  v_skus text[] := p_skus;
begin
  if p_skus is null and p_quantities is not null then
    v_skus := (seckill_private.lines_of(
      p_reservation.pool_ids, p_reservation.quantities)).skus;
    if cardinality(v_skus) <> cardinality(p_quantities) then
      return null;
    end if;
  end if;
  select array_agg(l.sku order by l.sku collate "C"),
         case when p_quantities is not null then array_agg(l.units order by l.sku collate "C") end
    into v_asked.skus, v_asked.quantities
    from (select u.sku, least(sum(u.quantity), 2147483647)::integer as units
            from unnest(v_skus, p_quantities) as u (sku, quantity)
           group by u.sku) as l;
  return v_asked;
end
$function$;

comment on function seckill_private.asked_lines (
  seckill_private.reservation, text[], integer[]) is
  'The lines that a refund names, merged and sorted by sku; the other fields stay null.';

-- file: procedures/internal/payments/lock_reservation.sql
-- Locks: the user, then the reservation's row.
-- Raises: SK001, SK005; SK008 also for a reservation of another user, which looks the same, and in
-- an archived activity, where none is held any more.
create or replace function seckill_private.lock_reservation (
  p_user_id text,
  p_reservation_id bigint
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_user_id', p_user_id);
  if p_reservation_id is null then
    perform seckill_private.raise_error('SK001', 'p_reservation_id must not be null');
  end if;
  perform seckill_private.lock_subject('user', p_user_id);
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(
           seckill_private.activity_of(p_reservation_id), p_user_id)
     and r.reservation_id = p_reservation_id
     and r.user_id = p_user_id
     for update;
  if not found or v_row.state <> 'held' and exists (
    select from seckill_private.activity as a
     where a.activity_id = seckill_private.activity_of(p_reservation_id)
       and a.archived_at is not null
  ) then
    perform seckill_private.raise_error('SK008', 'reservation ' || p_reservation_id);
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.lock_reservation (text, bigint) is
  'Lock a reservation of this user, and the user, for a call that may resolve it.';

-- file: procedures/internal/payments/resolve_reservation.sql
-- One step of a reservation's life: its state changes and its units move, once. The guard on the
-- old state is what makes it once, should the lock before it ever be forgotten.
-- Locks: none but post_movements': slots ascending, then inventory rows by sku; the caller has the
--   reservation.
create or replace function seckill_private.resolve_reservation (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_state text,
  p_kind text,
  p_source text,
  p_target text,
  p_note text default null
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  update seckill_private.reservation as r
     set state = p_state,
         resolved_at = case p_state when 'expired' then r.expires_at else p_now end,
         payment_ref = case p_state when 'confirmed' then p_note else r.payment_ref end,
         late_status = case p_kind when 'late_confirm' then 'confirmed' else r.late_status end
   where r.buyer_key = p_reservation.buyer_key
     and r.request_id = p_reservation.request_id
     and r.shard = p_reservation.shard
     and r.state = p_reservation.state
  returning r.* into strict v_row;
  perform seckill_private.post_movements(
    p_now, p_kind, p_source, p_target, seckill_private.unit_lines(v_row), p_note => p_note);
  return v_row;
end
$function$;

comment on function seckill_private.resolve_reservation (
  timestamptz, seckill_private.reservation, text, text, text, text, text) is
  'Bring a locked reservation to a state and move its units; the row as it is then.';

-- file: procedures/internal/payments/settle_reservation.sql
-- What a sweeper would have done already. Called with the reservation's row locked.
create or replace function seckill_private.settle_reservation (
  p_now timestamptz,
  p_reservation seckill_private.reservation
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_reservation.state = 'held' and p_reservation.expires_at <= p_now then
    return seckill_private.resolve_reservation(
      p_now, p_reservation, 'expired', 'expire', 'held', 'available');
  end if;
  return p_reservation;
end
$function$;

comment on function seckill_private.settle_reservation (
  timestamptz, seckill_private.reservation) is
  'Expire a locked reservation if its hold has ended; the row as it is then.';

-- file: procedures/internal/payments/record_event.sql
-- Locks: the activity's row, for key share. Raises: SK008 when the activity is archived.
-- Events stand in the ledger beside the movements, so that one feed tells all of a reservation.
create or replace function seckill_private.record_event (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_kind text,
  p_note text
)
  returns void
  language sql
  volatile
begin atomic
  select seckill_private.refuse_archived(
    seckill_private.activity_of((p_reservation).reservation_id));
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, position, kind, quantity, reservation_id, user_id, at,
    note)
  select seckill_private.activity_of((p_reservation).reservation_id), (p_reservation).shard,
         l.pool_id, l.slot, seckill_private.next_position(s.position, s.position_base), p_kind,
         l.quantity, l.reservation_id, l.user_id, p_now, p_note
    from unnest(seckill_private.unit_lines(p_reservation)) as l
    join seckill_private.pool_slot as s on s.pool_id = l.pool_id and s.slot = l.slot;
end;

comment on function seckill_private.record_event (
  timestamptz, seckill_private.reservation, text, text) is
  'Write into the ledger what happened to a reservation without moving a unit, a line for each '
  'pool.';

-- file: procedures/internal/payments/record_payment.sql
-- True when this payment was recorded before: a repeated call writes no second event.
create or replace function seckill_private.record_payment (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_kind text,
  p_payment_ref text
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if exists (
    select from seckill_private.movement as m
     where m.activity_id = seckill_private.activity_of(p_reservation.reservation_id)
       and m.reservation_id = p_reservation.reservation_id
       and m.kind = p_kind
       and (p_payment_ref is null or m.note = p_payment_ref)
  ) then
    return true;
  end if;
  perform seckill_private.record_event(p_now, p_reservation, p_kind, p_payment_ref);
  return false;
end
$function$;

comment on function seckill_private.record_payment (
  timestamptz, seckill_private.reservation, text, text) is
  'Leave an event for a payment that bought nothing, once; whether it was there already.';

-- file: procedures/internal/payments/lock_available.sql
-- Short of units while somebody else is settling ended holds is no answer, since late_sold_out is
-- final: that is an error, and the caller asks again.
-- Raises: 55P03.
-- Locks: due holds by SKIP LOCKED, where units lack; the slots of the reservation, ascending.
create or replace function seckill_private.lock_available (
  p_now timestamptz,
  p_activity_id bigint,
  p_reservation seckill_private.reservation
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_line record;
begin
  if seckill_private.lock_units(
       p_now, p_activity_id, p_reservation.pool_ids, p_reservation.quantities) then
    return true;
  end if;
  for v_line in
    select u.pool_id, u.quantity
      from unnest(p_reservation.pool_ids, p_reservation.quantities) as u (pool_id, quantity)
  loop
    if (seckill_private.pool_balance(p_activity_id, v_line.pool_id, p_now)).available
       < v_line.quantity then
      return false;
    end if;
  end loop;
  perform seckill_private.raise_error('55P03', 'holds that have ended are being settled');
end
$function$;

comment on function seckill_private.lock_available (
  timestamptz, bigint, seckill_private.reservation) is
  'Lock the slots of a reservation; whether they have its units available once more.';

-- file: procedures/internal/payments/confirm_late.sql
-- A payment that came after the hold had ended: the units are taken again if stock and limits
-- allow, in this order. Otherwise the refusal is final, and an event asks for the buyer's money to
-- be returned. A closed pool has nothing available, so late payments end with the activity. Only
-- limits on units and orders are asked: those against hoarding want holds to be paid.
-- Time: what the subjects did while the payment waited for the slots comes before it.
-- Raises: 55P03 when others have the units in hand that would do: nothing happened, try again.
-- Locks: slots ascending, all before the first is judged; due holds by SKIP LOCKED. The caller has
--   locked the subjects, by the limits of p_sale.
create or replace function seckill_private.confirm_late (
  p_now timestamptz,
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_payment_ref text
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity_id bigint := seckill_private.activity_of(p_reservation.reservation_id);
  v_now timestamptz := p_now;
  v_check seckill_private.check;
  v_status text;
begin
  if not seckill_private.lock_available(p_now, v_activity_id, p_reservation) then
    v_status := 'late_sold_out';
  else
    v_check := seckill_private.late_check(p_sale, p_reservation, v_now);
    if v_check.seen_at > v_now then
      v_now := v_check.seen_at;
      v_check := seckill_private.late_check(p_sale, p_reservation, v_now);
    end if;
    if v_check.answer is not null then
      v_status := 'late_limit_exceeded';
    end if;
  end if;
  update seckill_private.reservation as r
     set late_status = v_status,
         limits_revision = case
           when v_status is null then p_sale.limits_revision else r.limits_revision
         end
   where r.buyer_key = p_reservation.buyer_key
     and r.request_id = p_reservation.request_id
     and r.shard = p_reservation.shard
     and r.state = 'expired';
  if v_status is not null then
    perform seckill_private.record_event(v_now, p_reservation, v_status, p_payment_ref);
    return v_status;
  end if;
  perform seckill_private.gather_units(v_now, l.pool_id, l.quantity, l.slot)
     from unnest(seckill_private.unit_lines(p_reservation)) as l;
  perform seckill_private.resolve_reservation(
    v_now, p_reservation, 'confirmed', 'late_confirm', 'available', 'sold', p_payment_ref);
  return 'confirmed';
end
$function$;

comment on function seckill_private.confirm_late (
  timestamptz, seckill_private.sale, seckill_private.reservation, text) is
  'Decide a payment for an expired reservation: confirmed, late_sold_out or late_limit_exceeded.';

-- file: procedures/internal/payments/confirm_locked.sql
-- Answers: see seckill.confirm. A hold that has ended without being swept is settled first, so that
-- the books show both steps.
-- Locks: slots ascending, and where the hold has ended all those of the activity at once, and the
--   inventory of pools in debt: the hold's own units may go on to it, and then confirm_late settles
--   other holds, of which one may touch any pool. The caller has the reservation, its user and its
--   subjects.
create or replace function seckill_private.confirm_locked (
  p_now timestamptz,
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_payment_ref text
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_row seckill_private.reservation;
begin
  if p_reservation.state = 'held' and p_reservation.expires_at <= p_now then
    perform seckill_private.lock_stock(array(
      select p.pool_id
        from seckill_private.pool as p
       where p.activity_id = seckill_private.activity_of(p_reservation.reservation_id)));
  end if;
  v_row := seckill_private.settle_reservation(p_now, p_reservation);
  v_result.reservation_id := v_row.reservation_id;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  v_result.replayed := false;
  case v_row.state
    when 'held' then
      perform seckill_private.resolve_reservation(
        p_now, v_row, 'confirmed', 'confirm', 'held', 'sold', p_payment_ref);
      v_result.status := 'confirmed';
    when 'confirmed' then
      if p_payment_ref is null or p_payment_ref = v_row.payment_ref then
        v_result.status := 'confirmed';
        v_result.replayed := true;
      else
        v_result.status := 'duplicate_payment';
        v_result.replayed := seckill_private.record_payment(
          p_now, v_row, v_result.status, p_payment_ref);
      end if;
    when 'expired' then
      if v_row.late_status is null then
        v_result.status := seckill_private.confirm_late(
          p_now, p_sale, v_row, p_payment_ref);
      else
        v_result.status := v_row.late_status;
        v_result.replayed := true;
        perform seckill_private.record_payment(p_now, v_row, v_result.status, p_payment_ref);
      end if;
      v_result.late := v_result.status = 'confirmed';
    else
      v_result.status := v_row.state;
  end case;
  return v_result;
end
$function$;

comment on function seckill_private.confirm_locked (
  timestamptz, seckill_private.sale, seckill_private.reservation, text) is
  'Decide a payment for a reservation that the caller has locked.';

-- file: procedures/internal/payments/confirm_at.sql
-- The other subjects of the reservation are locked before the clock is read, as a purchase does:
-- else somebody who shares one could take the hold for ended while it is being paid.
-- Locks: lock_reservation; the subjects of the reservation (only its buyer's calls wait for its
--   row, so that they come after it does no harm); slots ascending.
create or replace function seckill_private.confirm_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation :=
    seckill_private.lock_reservation(p_user_id, p_reservation_id);
  v_activity_id bigint := seckill_private.activity_of(p_reservation_id);
  v_sale seckill_private.sale := seckill_private.load_sale(v_activity_id);
begin
  perform seckill_private.lock_digests(v_row.subjects, v_sale.limits);
  return seckill_private.confirm_locked(
    seckill_private.now_at(p_now, v_row.pool_ids, v_activity_id, p_user_id), v_sale, v_row,
    p_payment_ref);
end
$function$;

comment on function seckill_private.confirm_at (timestamptz, text, bigint, text) is
  'Confirm a reservation at a given instant (null: the clock); the body of seckill.confirm.';

-- file: procedures/internal/payments/lock_reservations.sql
-- For a batch, all locks are taken before the first payment is judged, each kind in its order, so
-- that no two batches, and no batch and no single call, wait for each other in a circle. A payment
-- that may be late takes whatever units its activity has, and may settle ended holds of any of its
-- pools: then all of the activity's slots are locked, and the reservation's subjects (confirm_at
-- says why). Those that end within seconds are taken for late, since the locks may take as long.
-- What lies in an archived activity, where none is held any more, is passed over as unknown: one
-- such payment would else fail the batch, each time that it is sent (lock_reservation).
-- sales: of the late ones, with the limits by which their subjects are locked; one that is set
-- later does not bind them.
-- Raises: 55P03 when the locks took longer.
-- Locks: users sorted; reservations by key; the subjects of late ones; slots ascending; inventory
--   rows by sku.
create or replace function seckill_private.lock_reservations (
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_now timestamptz,
  out reservations seckill_private.reservation[],
  out sales seckill_private.sale[]
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_keys bigint[] := array(
    select distinct seckill_private.buyer_key(seckill_private.activity_of(i.id), i.user_id)
      from unnest(p_user_ids, p_reservation_ids) as i (user_id, id)
     where i.id is not null and i.user_id is not null
       and (select a.archived_at
              from seckill_private.activity as a
             where a.activity_id = seckill_private.activity_of(i.id)) is null);
  v_soon timestamptz;
  v_late seckill_private.reservation[];
  v_pool_ids bigint[];
begin
  perform seckill_private.lock_buyers(p_user_ids);
  reservations := array(
    select r
      from seckill_private.reservation as r
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (p_reservation_ids)
     order by r.buyer_key, r.reservation_id
       for update);
  v_soon := seckill_private.now_of_rows(p_now, reservations) + interval '10 seconds';
  v_late := array(
    select r from unnest(reservations) as r
     where r.state in ('held', 'expired') and r.expires_at <= v_soon);
  sales := array(
    select seckill_private.load_sale(a.activity_id)
      from (select distinct seckill_private.activity_of(r.reservation_id) as activity_id
              from unnest(v_late) as r) as a);
  perform seckill_private.lock_digests(
    array(select distinct d.digest from unnest(v_late) as r
           cross join lateral unnest(r.subjects) as d (digest)),
    array(select l from unnest(sales) as s cross join lateral unnest(s.limits) as l));
  v_pool_ids := array(
    select distinct u.pool_id from unnest(reservations) as r
     cross join lateral unnest(r.pool_ids) as u (pool_id)
     union
    select p.pool_id from unnest(v_late) as r
      join seckill_private.pool as p
        on p.activity_id = seckill_private.activity_of(r.reservation_id));
  perform seckill_private.lock_stock(v_pool_ids);
  if seckill_private.now_of_rows(p_now, reservations) > v_soon - interval '1 second' then
    perform seckill_private.raise_error('55P03', 'the locks of the batch took too long');
  end if;
end
$function$;

comment on function seckill_private.lock_reservations (text[], bigint[], timestamptz) is
  'Lock the reservations of a batch, their users and their stock; the rows that there are, and the '
  'sales of those that may be late.';

-- file: procedures/internal/payments/confirm_held.sql
-- The payments that came in time, all at once: a slot that is updated once for each of five hundred
-- takes thirty times as long.
-- Locks: none that lock_reservations has not taken.
create or replace function seckill_private.confirm_held (
  p_now timestamptz,
  p_rows seckill_private.reservation[],
  p_payment_refs text[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_keys bigint[] := array(select r.buyer_key from unnest(p_rows) as r);
  v_ids bigint[] := array(select r.reservation_id from unnest(p_rows) as r);
  v_lines seckill_private.unit_line[];
begin
  with paid as (
    update seckill_private.reservation as r
       set state = 'confirmed',
           resolved_at = p_now,
           payment_ref = p_payment_refs[array_position(v_ids, r.reservation_id)]
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (v_ids)
       and r.state = 'held'
    returning r.*
  )
  select array_agg(l) into v_lines
    from paid as p
   cross join lateral unnest(seckill_private.unit_lines(p)) as l;
  perform seckill_private.post_movements(p_now, 'confirm', 'held', 'sold', v_lines);
end
$function$;

comment on function seckill_private.confirm_held (
  timestamptz, seckill_private.reservation[], text[]) is
  'Confirm locked holds that have not ended, each with its payment.';

-- file: procedures/internal/payments/confirm_batch_at.sql
-- The payments that come in time change nothing that the others depend on (a unit that was held
-- counts the same when it is sold), so they are done at once, and the others after them, in order.
-- Which they are is found in memory: the first payment of a row that is held and has not ended.
-- Locks: lock_reservations, before the clock is read.
create or replace function seckill_private.confirm_batch_at (
  p_now timestamptz,
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_payment_refs text[]
)
  returns setof seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_locked record := seckill_private.lock_reservations(p_user_ids, p_reservation_ids, p_now);
  v_rows seckill_private.reservation[] := v_locked.reservations;
  v_now timestamptz := seckill_private.now_of_rows(p_now, v_rows);
  v_ids bigint[] := array(select r.reservation_id from unnest(v_rows) as r);
  v_row seckill_private.reservation;
  v_paid seckill_private.reservation[];
  v_refs text[];
  v_paid_by integer[] := array_fill(null::integer, array[cardinality(v_ids)]);
  v_at integer;
begin
  for i in 1 .. cardinality(p_reservation_ids) loop
    v_at := array_position(v_ids, p_reservation_ids[i]);
    v_row := v_rows[v_at];
    if v_row.user_id = p_user_ids[i] and v_row.state = 'held' and v_row.expires_at > v_now
       and v_paid_by[v_at] is null
       and seckill_private.fault_in_payment(
             p_user_ids[i], p_reservation_ids[i], p_payment_refs[i]) is null then
      v_paid_by[v_at] := i;
      v_paid := v_paid || v_row;
      v_refs := array_append(v_refs, p_payment_refs[i]);
    end if;
  end loop;
  perform seckill_private.confirm_held(v_now, v_paid, v_refs);
  for i in 1 .. cardinality(p_reservation_ids) loop
    v_at := array_position(v_ids, p_reservation_ids[i]);
    v_row := v_rows[v_at];
    v_result := null;
    v_result.reservation_id := p_reservation_ids[i];
    v_result.error_code := seckill_private.fault_in_payment(
      p_user_ids[i], p_reservation_ids[i], p_payment_refs[i]);
    if v_result.error_code is not null or v_row.user_id is distinct from p_user_ids[i] then
      v_result.status := 'error';
      v_result.error_code := coalesce(v_result.error_code, 'SK008');
    elsif v_paid_by[v_at] = i then
      v_result.status := 'confirmed';
      v_result.replayed := false;
      v_result.late := false;
    else
      select r.* into strict v_row
        from seckill_private.reservation as r
       where r.buyer_key = v_row.buyer_key and r.reservation_id = v_row.reservation_id;
      v_result := seckill_private.confirm_locked(
        v_now, (
          select s from unnest(v_locked.sales) as s
           where (s.activity).activity_id = seckill_private.activity_of(v_row.reservation_id)),
        v_row, p_payment_refs[i]);
    end if;
    return next v_result;
  end loop;
end
$function$;

comment on function seckill_private.confirm_batch_at (
  timestamptz, text[], bigint[], text[]) is
  'Confirm many reservations at a given instant (null: the clock); the body of '
  'seckill.confirm_batch.';

-- file: procedures/internal/payments/cancel_at.sql
-- Answers: see seckill.cancel.
-- Locks: lock_reservation, then slots ascending.
create or replace function seckill_private.cancel_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_reason text
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_row seckill_private.reservation :=
    seckill_private.lock_reservation(p_user_id, p_reservation_id);
  v_now timestamptz := seckill_private.now_at(
    p_now, v_row.pool_ids, seckill_private.activity_of(p_reservation_id), p_user_id);
begin
  v_row := seckill_private.settle_reservation(v_now, v_row);
  v_result.reservation_id := p_reservation_id;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  v_result.replayed := v_row.state = 'cancelled';
  if v_row.state = 'held' then
    v_row := seckill_private.resolve_reservation(
      v_now, v_row, 'cancelled', 'cancel', 'held', 'available', p_reason);
  end if;
  v_result.status := v_row.state;
  return v_result;
end
$function$;

comment on function seckill_private.cancel_at (timestamptz, text, bigint, text) is
  'Cancel a reservation at a given instant (null: the clock); the body of seckill.cancel.';

-- file: procedures/internal/payments/refund_units.sql
-- A sku may have several lines, one for each slot: units are taken from the first that has some.
-- Null when a line has fewer left, or is not in the reservation.
create or replace function seckill_private.refund_units (
  p_reservation seckill_private.reservation,
  p_skus text[],
  p_quantities integer[]
)
  returns integer[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_units integer[];
  v_skus text[];
begin
  select array_agg(
           case
             when p_skus is null or a.sku is not null and a.quantity is null then l.remains
             else greatest(0, least(l.remains, coalesce(a.quantity, 0) - l.before))
           end::integer order by l.line),
         array_agg(l.sku order by l.line)
    into v_units, v_skus
    from (select u.line, p.sku, m.remains,
                 sum(m.remains) over (partition by p.sku order by u.line) - m.remains as before
            from unnest(p_reservation.pool_ids, p_reservation.quantities, p_reservation.refunded)
                   with ordinality as u (pool_id, quantity, refunded, line)
            join seckill_private.pool as p on p.pool_id = u.pool_id
           cross join lateral (
                   select u.quantity - coalesce(u.refunded, 0) as remains) as m) as l
    left join unnest(p_skus, p_quantities) as a (sku, quantity) on a.sku = l.sku;
  if exists (
    select from unnest(p_skus, p_quantities) as a (sku, quantity)
      left join (select t.sku, sum(t.units) as units
                   from unnest(v_skus, v_units) as t (sku, units)
                  group by t.sku) as t on t.sku = a.sku
     where coalesce(t.units, 0) = 0 or t.units < a.quantity
  ) then
    return null;
  end if;
  return v_units;
end
$function$;

comment on function seckill_private.refund_units (
  seckill_private.reservation, text[], integer[]) is
  'How many units of each line of a reservation a refund takes; null when too few remain.';

-- file: procedures/internal/payments/find_refund.sql
-- Called with the reservation's row locked, so a call that came first is seen.
create or replace function seckill_private.find_refund (
  p_reservation_id bigint,
  p_request_id uuid
)
  returns seckill_private.refund
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_refund seckill_private.refund;
begin
  select f.* into v_refund
    from seckill_private.refund as f
   where f.activity_id = seckill_private.activity_of(p_reservation_id)
     and f.reservation_id = p_reservation_id
     and f.request_id = p_request_id;
  return v_refund;
end
$function$;

comment on function seckill_private.find_refund (bigint, uuid) is
  'The refund of a reservation that this request id led to, or null.';

-- file: procedures/internal/payments/take_refund.sql
-- The units leave "sold", once: the guard on the state makes it so, should the lock before it ever
-- be forgotten. What is not restocked leaves the pool for good. resolved_at stays when it was paid.
-- Locks: slots ascending, inventory rows where the pool is closed or owes units.
create or replace function seckill_private.take_refund (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_request_id uuid,
  p_asked seckill.reservation_result,
  p_units integer[],
  p_restock boolean,
  p_restore_limits boolean
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation := p_reservation;
  v_activity_id bigint := seckill_private.activity_of(p_reservation.reservation_id);
  v_status text := 'refunded';
  v_lines seckill_private.unit_line[];
begin
  v_row.refunded := seckill_private.added(v_row.refunded, p_units);
  if p_restore_limits then
    v_row.restored := seckill_private.added(v_row.restored, p_units);
  end if;
  if v_row.refunded <> v_row.quantities then
    v_status := 'partly_refunded';
  end if;
  update seckill_private.reservation as r
     set state = case v_status when 'refunded' then 'refunded' else r.state end,
         refunded = v_row.refunded,
         restored = v_row.restored,
         refunded_at = p_now
   where r.buyer_key = v_row.buyer_key
     and r.request_id = v_row.request_id
     and r.shard = v_row.shard
     and r.state = 'confirmed'
  returning r.* into strict v_row;
  insert into seckill_private.refund (
    activity_id, reservation_id, ordinal, shard, request_id, at, status, restock, restore_limits,
    asked_skus, asked_quantities, quantities)
  select v_activity_id, v_row.reservation_id, count(*) + 1, v_row.shard, p_request_id, p_now,
         v_status, p_restock, p_restore_limits, p_asked.skus, p_asked.quantities, p_units
    from seckill_private.refund as f
   where f.activity_id = v_activity_id
     and f.reservation_id = v_row.reservation_id;
  v_row.quantities := p_units;
  v_lines := array(
    select l from unnest(seckill_private.unit_lines(v_row)) as l where l.quantity > 0);
  perform seckill_private.post_movements(
    p_now, case when p_restock then 'refund' else 'write_off' end, 'sold',
    case when p_restock then 'available' else 'written_off' end, v_lines,
    p_note => p_request_id::text);
  return v_status;
end
$function$;

comment on function seckill_private.take_refund (
  timestamptz, seckill_private.reservation, uuid, seckill.reservation_result, integer[], boolean,
  boolean) is
  'Refund units of a locked, confirmed reservation, and remember the answer.';

-- file: procedures/internal/payments/refund_at.sql
-- Answers: see seckill.refund. A repeat is found by its request id; to ask again for all, with any
-- id or none, when nothing is left is a repeat too.
-- Locks: lock_reservation, then slots ascending, then inventory rows.
-- Raises: SK004; SK006 unless confirmed; SK001 when fewer units remain.
create or replace function seckill_private.refund_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_restock boolean,
  p_restore_limits boolean
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_row seckill_private.reservation :=
    seckill_private.lock_reservation(p_user_id, p_reservation_id);
  v_now timestamptz := seckill_private.now_at(
    p_now, v_row.pool_ids, seckill_private.activity_of(p_reservation_id), p_user_id);
  v_asked seckill.reservation_result :=
    seckill_private.asked_lines(v_row, p_skus, p_quantities);
  v_earlier seckill_private.refund := seckill_private.find_refund(p_reservation_id, p_request_id);
  v_units integer[];
begin
  if p_quantities is not null and v_asked.quantities is null then
    perform seckill_private.raise_error('SK001', 'p_quantities are not as many as the lines');
  elsif (v_earlier.asked_skus, v_earlier.asked_quantities, v_earlier.restock,
         v_earlier.restore_limits)
        is distinct from (v_asked.skus, v_asked.quantities, p_restock, p_restore_limits)
        and v_earlier.status is not null then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  v_result.status := v_earlier.status;
  if v_row.state = 'refunded' and p_skus is null and p_quantities is null then
    v_result.status := 'refunded';
  end if;
  v_result.reservation_id := p_reservation_id;
  v_result.replayed := v_result.status is not null;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  if v_result.replayed then
    return v_result;
  elsif v_row.state <> 'confirmed' then
    perform seckill_private.raise_error('SK006', 'the reservation is '
      || seckill_private.state_at(v_row.state, v_row.expires_at, v_now));
  end if;
  v_units := seckill_private.refund_units(v_row, v_asked.skus, v_asked.quantities);
  if v_units is null then
    perform seckill_private.raise_error('SK001', 'fewer units remain than are to be refunded');
  end if;
  v_result.status := seckill_private.take_refund(
    v_now, v_row, p_request_id, v_asked, v_units, p_restock, p_restore_limits);
  return v_result;
end
$function$;

comment on function seckill_private.refund_at (
  timestamptz, text, bigint, text[], integer[], uuid, boolean, boolean) is
  'Refund a reservation at a given instant (null: the clock); the body of seckill.refund.';

-- file: procedures/internal/history/ledger_of.sql
-- The ledger of an activity as one list: holds stand in the reservations, all else in movement.
create or replace function seckill_private.ledger_of (
  p_activity_id bigint
)
  returns table (
    at timestamptz, kind text, pool_id bigint, slot smallint, version bigint, source text,
    target text, quantity bigint, reservation_id bigint, user_id text, actor text, login text,
    note text
  )
  language sql
  stable
begin atomic
  select r.created_at, 'hold', u.pool_id, u.slot, u.version, 'available', 'held',
         u.quantity::bigint, r.reservation_id, r.user_id, null, null, null
    from seckill_private.reservation as r
   cross join lateral unnest(r.pool_ids, r.slots, r.versions, r.quantities)
           as u (pool_id, slot, version, quantity)
   where r.buyer_key >= p_activity_id << 40
     and r.buyer_key < (p_activity_id + 1) << 40
   union all
  select m.at, m.kind, m.pool_id, m.slot, m.version, m.source, m.target, m.quantity,
         m.reservation_id, m.user_id, coalesce(m.actor, m.login), m.login, m.note
    from seckill_private.movement as m
   where m.activity_id = p_activity_id;
end;

comment on function seckill_private.ledger_of (bigint) is
  'Every movement of units in an activity, holds included, and the events.';

-- file: procedures/internal/history/sees_buyers.sql
-- The role that the session acts as: inside a definer function current_user is the owner.
create or replace function seckill_private.sees_buyers ()
  returns boolean
  language sql
  stable
return (select pg_has_role(c.role, 'seckill_read', 'usage')
               or pg_has_role(c.role, 'seckill_ops', 'usage')
          from (select coalesce(
                         nullif(current_setting('role'), 'none'), session_user::text)::name as role
               ) as c);

comment on function seckill_private.sees_buyers () is
  'Whether the caller may see who bought: a member of seckill_read or seckill_ops.';

-- file: procedures/internal/history/feed_cursor.sql
-- generation.drops.position.pool.slot.version.event: what seckill_private.feed_place reads again.
create or replace function seckill_private.feed_cursor (
  p_feed seckill_private.feed,
  p_place seckill_private.feed_place
)
  returns text
  language sql
  immutable
return concat_ws(
  '.', (p_feed).generation, (p_feed).drops, (p_place).position, (p_place).pool_id, (p_place).slot,
  case when (p_place).event_id = 0 then (p_place).version::text else 'e' end, (p_place).event_id);

comment on function seckill_private.feed_cursor (
  seckill_private.feed, seckill_private.feed_place) is
  'A place in the feed as changes hands it out; opaque to its caller.';

-- file: procedures/internal/history/feed_place.sql
-- The reverse of feed_cursor; null is the place before everything.
-- A cursor that is older than the last drop of an archived activity, and stands before a row that
-- was dropped then, would pass over rows in silence. One that was begun anew since is fine.
-- Takes the feed's fields and not its row: its signature stands in an error's context.
-- Raises: SK001 when it is no cursor of this history; SK006 when rows after it were dropped.
create or replace function seckill_private.feed_place (
  p_generation text,
  p_drops integer,
  p_dropped_position bigint,
  p_cursor text
)
  returns seckill_private.feed_place
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_place seckill_private.feed_place;
  v_parts text[];
begin
  if p_cursor is null then
    return row(0, 0, 0, 0, 0)::seckill_private.feed_place;
  end if;
  v_parts := regexp_match(
    p_cursor,
    '^([0-9a-f]{8})\.(\d{1,9})\.(\d{1,18})\.(\d{1,18})\.(\d{1,4})\.(e|\d{1,18})\.(\d{1,18})$');
  if v_parts is null then
    perform seckill_private.raise_error('SK001', 'p_after is no cursor of this feed');
  elsif v_parts[1] <> p_generation then
    perform seckill_private.raise_error(
      'SK001', 'p_after is a cursor from before a restore, or of another database: begin anew');
  end if;
  v_place.position := v_parts[3];
  v_place.pool_id := v_parts[4];
  v_place.slot := v_parts[5];
  v_place.version := case v_parts[6] when 'e' then '9223372036854775807' else v_parts[6] end;
  v_place.event_id := v_parts[7];
  if v_parts[2]::integer < p_drops and v_place.position < p_dropped_position then
    perform seckill_private.raise_error(
      'SK006', 'rows after p_after were dropped with an archived activity: take them from its '
      'archive, and begin anew');
  end if;
  return v_place;
end
$function$;

comment on function seckill_private.feed_place (text, integer, bigint, text) is
  'The place in the feed that a cursor stands for.';

-- file: procedures/internal/history/feed_horizon.sql
-- Transactions with a lower id have all ended, in this snapshot and in every later one, so no row
-- can come in below. Ids are the cluster's: a writer in another database counts, a reader does not.
create or replace function seckill_private.feed_horizon ()
  returns bigint
  language sql
  stable
begin atomic
  select f.position_base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    from seckill_private.feed as f;
end;

comment on function seckill_private.feed_horizon () is
  'The position below which the feed is complete.';

-- file: procedures/internal/history/rebase_feed.sql
-- Transaction ids belong to a cluster. A database that was restored into another one (pg_dump)
-- meets ids that are lower than the positions it brought along: then new ones are put above all of
-- those, and cursors of before end, since rows that were written before anybody called changes here
-- may stand anywhere. Where ids go on (pg_upgrade) nothing but the cluster's name changes.
-- Locks: the slots' table and the ledger against writers, once in the life of a cluster.
create or replace function seckill_private.rebase_feed ()
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_system_identifier bigint := (select c.system_identifier from pg_control_system() as c);
  v_last bigint;
begin
  if pg_is_in_recovery() then
    perform seckill_private.raise_error(
      'SK006', 'the database was restored: call changes once on its primary');
  end if;
  lock table seckill_private.pool_slot, seckill_private.movement, seckill_private.reservation
    in share mode;
  perform from seckill_private.feed as f
    where f.system_identifier <> v_system_identifier
      for update;
  if not found then
    return;
  end if;
  select greatest(
           (select max(s.position) from seckill_private.pool_slot as s),
           (select max(m.position) from seckill_private.movement as m),
           (select max(r.position) from seckill_private.reservation as r))
    into v_last;
  update seckill_private.feed as f
     set system_identifier = v_system_identifier;
  if v_last >= seckill_private.feed_horizon() then
    update seckill_private.feed as f
       set position_base = v_last,
           generation = left(gen_random_uuid()::text, 8);
    update seckill_private.pool_slot as s
       set position_base = v_last;
  end if;
end
$function$;

comment on function seckill_private.rebase_feed () is
  'Put the positions to come above those that a restored database brought along.';

-- file: procedures/internal/history/feed_rows.sql
-- The rows of the ledger after a place and below the horizon, in the order of the feed: by
-- position, then slot by slot in the order of versions. Rows of one position (a sweep, a batch) are
-- sorted together, hence "with ties". An event has no version and follows the movements of its
-- position.
-- Rows of an activity that is being dropped have no pool any more and are passed over here: a page
-- that lost them afterwards could come out empty, which means that one has caught up.
-- Read through the index on position, whatever the statistics say: changes switches everything else
-- off.
create or replace function seckill_private.feed_rows (
  p_after seckill_private.feed_place,
  p_horizon bigint,
  p_limit integer
)
  returns table (
    place seckill_private.feed_place, at timestamptz, kind text, quantity bigint,
    reservation_id bigint, user_id text, actor text, login text, note text,
    source text, target text
  )
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return query
    with hold as (
      select row(r.position, u.pool_id, u.slot, u.version, 0)::seckill_private.feed_place as place,
             r.created_at, 'hold', u.quantity::bigint, r.reservation_id, r.user_id, null::text,
             null::text, null::text, 'available', 'held'
        from seckill_private.reservation as r
       cross join lateral unnest(r.pool_ids, r.slots, r.versions, r.quantities)
               as u (pool_id, slot, version, quantity)
       where r.position >= p_after.position
         and r.position < p_horizon
         and (r.position, u.pool_id, u.slot, u.version, 0::bigint)
             > (p_after.position, p_after.pool_id, p_after.slot, p_after.version, p_after.event_id)
         and (select true from seckill_private.pool as p where p.pool_id = u.pool_id)
       order by r.position
       fetch first p_limit rows with ties
    ), other as (
      select row(m.position, m.pool_id, m.slot, e.version, e.event_id
             )::seckill_private.feed_place as place,
             m.at, m.kind, m.quantity, m.reservation_id, m.user_id, coalesce(m.actor, m.login),
             m.login, m.note, m.source, m.target
        from seckill_private.movement as m
       cross join lateral (
               select coalesce(m.version, 9223372036854775807) as version,
                      case when m.version is null then m.movement_id else 0 end as event_id) as e
       where m.position >= p_after.position
         and m.position < p_horizon
         and (m.position, m.pool_id, m.slot, e.version, e.event_id)
             > (p_after.position, p_after.pool_id, p_after.slot, p_after.version, p_after.event_id)
         and (select true from seckill_private.pool as p where p.pool_id = m.pool_id)
       order by m.position
       fetch first p_limit rows with ties
    )
    select h.* from hold as h
     union all
    select o.* from other as o
     order by place
     limit p_limit;
end
$function$;

comment on function seckill_private.feed_rows (seckill_private.feed_place, bigint, integer) is
  'Up to p_limit rows of the ledger after a place in the feed and below a position.';

-- file: procedures/internal/archive/ensure_partition.sql
-- The rows of 64 activities lie in one partition, which is cut off when they are all over: that
-- neither scans nor bloats the tables of those that run. One partition for each activity would be
-- simpler, but a plan locks every partition there is: with 64 of them a probe takes three times as
-- long. The new table is made apart and attached: "partition of" would stop the sale to do it.
-- Locks: an advisory one, against a second maker; SHARE UPDATE EXCLUSIVE on the parent, which
--   buyers do not notice.
create or replace function seckill_private.ensure_partition (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_first bigint := p_activity_id / 64 * 64;
  v_name text;
begin
  if exists (
    select from pg_class as c
     where c.relnamespace = 'seckill_private'::regnamespace
       and c.relname = 'movement_' || v_first
  ) then
    return;
  end if;
  perform seckill_private.lock_subject('partition', v_first::text);
  -- pg_class and not to_regclass, whose cache would still answer no after the wait for the lock.
  if exists (
    select from pg_class as c
     where c.relnamespace = 'seckill_private'::regnamespace
       and c.relname = 'movement_' || v_first
  ) then
    return;
  end if;
  foreach v_name in array array['reservation', 'movement', 'refund'] loop
    execute format(
      'create table seckill_private.%I (like seckill_private.%I including all)',
      v_name || '_' || v_first, v_name);
  end loop;
  execute format(
    'alter table seckill_private.reservation attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'reservation_' || v_first, v_first << 40, (v_first + 64) << 40);
  execute format(
    'alter table seckill_private.movement attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'movement_' || v_first, v_first, v_first + 64);
  execute format(
    'alter table seckill_private.refund attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'refund_' || v_first, v_first, v_first + 64);
end
$function$;

comment on function seckill_private.ensure_partition (bigint) is
  'Make sure that there are partitions for the rows of an activity.';

-- file: procedures/internal/archive/drop_partition.sql
-- When nobody needs any of its 64 activities, the whole partition goes: no row is read, and nothing
-- is left to vacuum. The table's files go after the locks.
-- Locks: the activities, against a new one of this block; ACCESS EXCLUSIVE on the parents, for
--   which every buyer waits: so not longer than the lock_timeout that the caller has set. 55P03:
--   nothing happened, try again.
create or replace function seckill_private.drop_partition (
  p_activity_id bigint
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_first bigint := p_activity_id / 64 * 64;
  v_next bigint;
begin
  lock table seckill_private.activity in share mode;
  select s.last_value + s.is_called::integer into v_next
    from seckill_private.activity_activity_id_seq as s;
  if v_next < v_first + 64 or exists (
    select from seckill_private.activity as a
     where a.activity_id >= v_first
       and a.activity_id < v_first + 64
       and a.dropped_at is null
  ) then
    return false;
  end if;
  execute format(
    'drop table if exists seckill_private.%I, seckill_private.%I, seckill_private.%I',
    'reservation_' || v_first, 'movement_' || v_first, 'refund_' || v_first);
  return true;
end
$function$;

comment on function seckill_private.drop_partition (bigint) is
  'Drop the partitions of an activity where all of their activities are dropped; whether they are.';

-- file: procedures/internal/archive/delete_activity.sql
-- Up to p_limit rows of a dropped activity, along their keys: nothing of another activity is read.
-- 0 when nothing is left. Nobody waits for these rows, and no lock on a table is taken that others
-- would notice.
create or replace function seckill_private.delete_activity (
  p_activity_id bigint,
  p_limit integer
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_deleted integer;
begin
  delete from seckill_private.reservation as r
   where (r.buyer_key, r.request_id, r.shard) in (
           select d.buyer_key, d.request_id, d.shard
             from seckill_private.reservation as d
            where d.buyer_key >= p_activity_id << 40
              and d.buyer_key < (p_activity_id + 1) << 40
            order by d.buyer_key
            limit p_limit)
     and r.buyer_key >= p_activity_id << 40
     and r.buyer_key < (p_activity_id + 1) << 40;
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.movement as m
   where m.activity_id = p_activity_id
     and m.movement_id in (
           select d.movement_id
             from seckill_private.movement as d
            where d.activity_id = p_activity_id
            order by d.movement_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.refund as f
   where f.activity_id = p_activity_id
     and f.reservation_id in (
           select d.reservation_id
             from seckill_private.refund as d
            where d.activity_id = p_activity_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  if v_deleted > 0 then
    return v_deleted;
  end if;
  delete from seckill_private.listed_subject as s
   where s.activity_id = p_activity_id
     and (s.list, s.subject) in (
           select d.list, d.subject
             from seckill_private.listed_subject as d
            where d.activity_id = p_activity_id
            limit p_limit);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end
$function$;

comment on function seckill_private.delete_activity (bigint, integer) is
  'Delete some of the rows of a dropped activity; how many.';

-- file: procedures/internal/archive/archived_part.sql
-- The parts with a few rows, each in one page. Of the inventory's ledger it is a copy: the original
-- stays.
create or replace function seckill_private.archived_part (
  p_activity_id bigint,
  p_part text
)
  returns setof jsonb
  language sql
  stable
begin atomic
  select to_jsonb(a) from seckill_private.activity as a
   where p_part = 'activity' and a.activity_id = p_activity_id
   union all
  select to_jsonb(p) from seckill_private.pool as p
   where p_part = 'pool' and p.activity_id = p_activity_id
   union all
  select to_jsonb(s)
    from seckill_private.pool as p
    join seckill_private.pool_slot as s on s.pool_id = p.pool_id
   where p_part = 'pool_slot' and p.activity_id = p_activity_id
   union all
  select to_jsonb(l) from seckill_private.limit_version as l
   where p_part = 'limit_version' and l.activity_id = p_activity_id
   union all
  select to_jsonb(d) from seckill_private.list_dimension as d
   where p_part = 'list_dimension' and d.activity_id = p_activity_id
   union all
  select to_jsonb(e) from seckill_private.ops_entry as e
   where p_part = 'ops_entry' and e.activity_id = p_activity_id
   union all
  select to_jsonb(m)
    from seckill_private.pool as p
    join seckill_private.inventory_movement as m on m.sku = p.sku and m.pool_id = p.pool_id
   where p_part = 'inventory_movement' and p.activity_id = p_activity_id;
end;

comment on function seckill_private.archived_part (bigint, text) is
  'The rows of an activity in one of the small tables.';

-- file: procedures/internal/archive/archived_page.sql
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

-- file: procedures/internal/proofs/check_slots.sql
-- I1: no counter below zero, total = available + held + sold + unreleased, and nothing is available
-- in a pool while units are owed. I2: every counter is the sum of its ledger rows (what is owed: of
-- debt, less debt_dropped and drain, in all slots together, since the first one has the debt),
-- every movement of a slot has one ledger row, and open holds add up to held, as scheduled releases
-- do to unreleased. A pool has as many slots as it says (slot_rows), by which a purchase knows
-- whether to look beyond the first.
create or replace function seckill_private.check_slots (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with slot as (
    select s.*, p.sku, p.region, sum(s.available) over w as in_pool, count(*) over w as in_rows,
           case s.slot when 0 then p.slot_rows else count(*) over w end as told_rows
      from seckill_private.pool as p
      join seckill_private.pool_slot as s on s.pool_id = p.pool_id
     where p.activity_id = p_activity_id
    window w as (partition by s.pool_id)
  ), book as (
    select l.pool_id, l.slot, count(*) filter (where l.source is not null) as lines,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'available')) as available,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'held')) as held,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'sold')) as sold,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'unreleased')) as unreleased,
           count(*) filter (where l.target = 'available') as epoch,
           sum(case l.kind when 'debt' then 1 when 'debt_dropped' then -1 when 'drain' then -1 end
               * l.quantity) as owed
      from seckill_private.ledger_of(p_activity_id) as l
     group by l.pool_id, l.slot
  ), debt as (
    select b.pool_id, sum(b.owed) as owed
      from book as b
     group by b.pool_id
  ), hold as (
    select u.pool_id, u.slot, sum(u.quantity) as held
      from seckill_private.reservation as r
     cross join lateral unnest(r.pool_ids, r.slots, r.quantities) as u (pool_id, slot, quantity)
     where r.buyer_key >= p_activity_id << 40
       and r.buyer_key < (p_activity_id + 1) << 40
       and r.state = 'held'
     group by u.pool_id, u.slot
  ), release as (
    select r.pool_id, sum(r.quantity) as units
      from seckill_private.stock_release as r
     group by r.pool_id
  ), claim as (
    select s.sku, s.region, s.slot, c.invariant, c.what, c.expected, c.actual
      from slot as s
      left join book as b on b.pool_id = s.pool_id and b.slot = s.slot
      left join hold as h on h.pool_id = s.pool_id and h.slot = s.slot
      left join debt as d on d.pool_id = s.pool_id and s.slot = 0
      left join release as r on r.pool_id = s.pool_id and s.slot = 0
     cross join lateral (values
       ('I1', 'total', s.available + s.held + s.sold + s.unreleased, s.total),
       ('I1', 'least counter', greatest(least(s.available, s.held, s.sold, s.unreleased), 0),
        least(s.available, s.held, s.sold, s.unreleased)),
       ('I1', 'available while units are owed', 0,
        greatest(least(s.in_pool, s.owed), 0)),
       ('I2', 'slot rows', s.in_rows, s.told_rows),
       ('I2', 'available', coalesce(b.available, 0), s.available),
       ('I2', 'held', coalesce(b.held, 0), s.held),
       ('I2', 'sold', coalesce(b.sold, 0), s.sold),
       ('I2', 'unreleased', coalesce(b.unreleased, 0), s.unreleased),
       ('I2', 'scheduled', coalesce(r.units, 0), s.unreleased),
       ('I2', 'owed', coalesce(d.owed, 0), s.owed),
       ('I2', 'epoch', coalesce(b.epoch, 0), s.epoch),
       ('I2', 'movements', coalesce(b.lines, 0), s.version),
       ('I2', 'open holds', coalesce(h.held, 0), s.held)
     ) as c (invariant, what, expected, actual)
  )
  select c.invariant, format('sku %s region %s slot %s: %s', c.sku, c.region, c.slot, c.what),
         c.expected::text, c.actual::text
    from claim as c
   where c.expected <> c.actual;
end;

comment on function seckill_private.check_slots (bigint) is
  'Counters of an activity that break I1, or I2 against its ledger.';

-- file: procedures/internal/proofs/check_inventory.sql
-- I2 for the inventory: its balance is the sum of its ledger, and that ledger and the pools' agree
-- on what went from one to the other.
create or replace function seckill_private.check_inventory (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with balance as (
    select i.sku, i.quantity as actual,
           (select coalesce(sum(m.delta), 0)
              from seckill_private.inventory_movement as m
             where m.sku = i.sku) as expected
      from seckill_private.inventory as i
     where i.sku in (
             select p.sku from seckill_private.pool as p where p.activity_id = p_activity_id)
  ), transfer as (
    select p.sku, p.region,
           (select coalesce(sum(m.delta), 0)
              from seckill_private.inventory_movement as m
             where m.sku = p.sku
               and m.pool_id = p.pool_id) as actual,
           (select coalesce(
                     sum(l.quantity * seckill_private.moved(l.source, l.target, 'inventory')), 0)
              from seckill_private.movement as l
             where l.activity_id = p_activity_id
               and l.pool_id = p.pool_id) as expected
      from seckill_private.pool as p
     where p.activity_id = p_activity_id
  )
  select 'I2', format('inventory of sku %s', b.sku), b.expected::text, b.actual::text
    from balance as b
   where b.expected <> b.actual
   union all
  select 'I2', format('inventory of sku %s, moved by region %s', t.sku, t.region),
         t.expected::text, t.actual::text
    from transfer as t
   where t.expected <> t.actual;
end;

comment on function seckill_private.check_inventory (bigint) is
  'Inventory rows of an activity''s skus that break I2.';

-- file: procedures/internal/proofs/check_reservations.sql
-- I4: the steps in the ledger are those that lead to the state, each once and for all of the units;
-- the steps expected are derived from the state and the refunds, not listed. What a reservation has
-- as refunded and restored is the sum of its refunds.
-- I7: what was confirmed in time was confirmed before its hold ended.
create or replace function seckill_private.check_reservations (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with step as (
    select m.reservation_id, m.kind, sum(m.quantity) as units
      from seckill_private.movement as m
     where m.activity_id = p_activity_id
       and m.reservation_id is not null
       and m.source is not null
     group by m.reservation_id, m.kind
  ), path as (
    select s.reservation_id, string_agg(s.kind || ' ' || s.units, ', ' order by s.kind) as steps
      from step as s
     group by s.reservation_id
  ), taken as (
    select f.reservation_id, sum(q.units) filter (where f.restock) as refunded,
           sum(q.units) filter (where not f.restock) as written_off,
           sum(q.units) as units, sum(q.units) filter (where f.restore_limits) as restored
      from seckill_private.refund as f
     cross join lateral (select sum(u) as units from unnest(f.quantities) as u) as q
     where f.activity_id = p_activity_id
     group by f.reservation_id
  ), life as (
    select r.reservation_id, r.state, r.late_status, r.expires_at, r.resolved_at, t.refunded,
           t.written_off, coalesce(t.units, 0) as units_taken, coalesce(t.restored, 0) as restored,
           (select sum(q) from unnest(r.quantities) as q) as units,
           (select coalesce(sum(q), 0) from unnest(r.refunded) as q) as stored_taken,
           (select coalesce(sum(q), 0) from unnest(r.restored) as q) as stored_restored
      from seckill_private.reservation as r
      left join taken as t on t.reservation_id = r.reservation_id
     where r.buyer_key >= p_activity_id << 40
       and r.buyer_key < (p_activity_id + 1) << 40
  ), claim as (
    select coalesce(l.reservation_id, p.reservation_id) as reservation_id, p.steps as actual,
           case
             when l.state in ('confirmed', 'refunded') then
               case l.late_status
                 when 'confirmed' then format('expire %s, late_confirm %s', l.units, l.units)
                 else 'confirm ' || l.units
               end || coalesce(', refund ' || l.refunded, '')
                   || coalesce(', write_off ' || l.written_off, '')
             when l.state = 'cancelled' and p.steps like 'revoke %' then 'revoke ' || l.units
             when l.state = 'cancelled' then 'cancel ' || l.units
             when l.state = 'expired' then 'expire ' || l.units
           end as expected
      from life as l
      full join path as p on p.reservation_id = l.reservation_id
  )
  select 'I4', 'reservation ' || c.reservation_id, coalesce(c.expected, 'no step'),
         coalesce(c.actual, 'no step')
    from claim as c
   where c.expected is distinct from c.actual
   union all
  select 'I4', 'reservation ' || l.reservation_id || ': ' || v.what, v.expected, v.actual
    from life as l
   cross join lateral (values
     ('refunded', l.units_taken::text, l.stored_taken::text),
     ('restored to the limits', l.restored::text, l.stored_restored::text),
     ('refunded in full', (l.units_taken = l.units)::text, (l.state = 'refunded')::text)
   ) as v (what, expected, actual)
   where v.expected <> v.actual
   union all
  select 'I7', 'reservation ' || l.reservation_id, 'confirmed before ' || l.expires_at,
         'confirmed at ' || l.resolved_at
    from life as l
   where l.state in ('confirmed', 'refunded')
     and l.late_status is null
     and l.resolved_at >= l.expires_at;
end;

comment on function seckill_private.check_reservations (bigint) is
  'Reservations whose steps in the ledger break I4 or I7.';

-- file: procedures/internal/proofs/use_events.sql
-- A purchase adds at created_at; a hold gives back when it ends or is cancelled, and a late
-- payment takes again: then that is what is judged, since the reservation recorded its revision
-- anew. A hold that ended unpaid is one expired hold from its end on; the purchases in between
-- are judged without adding.
create or replace function seckill_private.use_events (
  p_limit seckill_private.limit_version,
  p_row seckill_private.reservation,
  p_units bigint
)
  returns table (at timestamptz, dated timestamptz, delta bigint, judged boolean)
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_late boolean := coalesce(p_row.late_status = 'confirmed', false);
  v_ended boolean := v_late or p_row.state in ('held', 'expired');
begin
  if p_limit.metric = 'expired_holds' then
    if p_units > 0 then
      return query select p_row.created_at, p_row.created_at, 0::bigint, not v_late;
    end if;
    if v_ended then
      return query select p_row.expires_at, p_row.expires_at, 1::bigint, false;
    end if;
    return;
  end if;
  return query
    select p_row.created_at, p_row.created_at, p_units, not v_late;
  if v_ended then
    return query select p_row.expires_at, p_row.created_at, -p_units, false;
  elsif p_row.state = 'cancelled' or p_limit.metric = 'open_holds' then
    return query select p_row.resolved_at, p_row.created_at, -p_units, false;
  end if;
  if v_late and p_limit.metric <> 'open_holds' then
    return query select p_row.resolved_at, p_row.created_at, p_units, true;
  end if;
end
$function$;

comment on function seckill_private.use_events (
  seckill_private.limit_version, seckill_private.reservation, bigint) is
  'What one reservation does to the use of a limit, as events in time.';

-- file: procedures/internal/proofs/limit_events.sql
-- What the purchases under each limit of an activity added to its use, and took back, as events
-- in time: judged are the purchases of this activity that the limit applied to, as it stood at
-- the revision which they recorded. Purchases before a limit was set count, and are not judged.
-- A limit that crosses activities counts those of all. What was refunded counts as if never
-- bought, so a breach may be missed for it, never made up. decided: the event is a decision of
-- its own, which saw whatever else happened at that instant.
create or replace function seckill_private.limit_events (
  p_activity_id bigint
)
  returns table (
    name text, activity_id bigint, since_revision bigint, maximum bigint, period interval,
    subject bytea, part text, reservation_id bigint, revision bigint, at timestamptz,
    dated timestamptz, delta bigint, decided boolean, judged boolean
  )
  language sql
  stable
begin atomic
  with bound as (
    select l as rule, l.name, coalesce(l.time_zone, a.time_zone) as zone,
           seckill_private.crosses_activities(l) as crosses,
           seckill_private.pools_of_sku(
             l.sku, case when not seckill_private.crosses_activities(l) then p_activity_id end
           ) as only_pools
      from seckill_private.limit_version as l
     cross join seckill_private.activity as a
     where a.activity_id = p_activity_id
       and (l.activity_id = p_activity_id or l.activity_id is null)
       -- Only what judges a purchase of this activity: global limits of other times are many.
       and exists (
         select from seckill_private.reservation as r
          where r.buyer_key >= p_activity_id << 40
            and r.buyer_key < (p_activity_id + 1) << 40
            and r.limits_revision >= l.since_revision
            and (l.until_revision is null or r.limits_revision < l.until_revision))
  ), purchase as (
    select b.*, r as row, r.reservation_id, r.created_at, r.expires_at,
           coalesce(r.late_status = 'confirmed', false) as late,
           case (b.rule).dimension
             when 'user' then convert_to(r.user_id, 'UTF8')
             else seckill_private.digest_of(r.subjects, (b.rule).dimension)
           end as subject,
           case
             when (b.rule).metric = 'units'
               then seckill_private.covered_units(
                      r.pool_ids, r.quantities, r.restored, b.only_pools)
             else least(1, seckill_private.covered_units(
                      r.pool_ids, r.quantities, r.restored, b.only_pools))
           end as units,
           (r.buyer_key >> 40) = p_activity_id
           and r.limits_revision >= (b.rule).since_revision
           and ((b.rule).until_revision is null or r.limits_revision < (b.rule).until_revision)
           and ((b.rule).activity_id is not null or not exists (
             select from seckill_private.limit_version as o
              where o.activity_id = p_activity_id
                and o.name = b.name
                and r.limits_revision >= o.since_revision
                and (o.until_revision is null or r.limits_revision < o.until_revision))) as judged
      from bound as b
      join seckill_private.reservation as r
        on b.crosses
        or r.buyer_key >= p_activity_id << 40 and r.buyer_key < (p_activity_id + 1) << 40
     where b.only_pools is null
        or r.pool_ids && b.only_pools
  )
  select p.name, (p.rule).activity_id, (p.rule).since_revision, (p.rule).maximum, (p.rule).period,
         p.subject,
         case (p.rule).window_kind
           when 'order' then p.reservation_id::text
           when 'rolling' then ''
           else lower(seckill_private.window_of(
             (p.rule).window_kind, null, p.zone, e.dated))::text
         end,
         p.reservation_id, (p.row).limits_revision, e.at, e.dated, e.delta,
         (e.delta > 0) <> ((p.rule).metric = 'expired_holds'), e.judged and p.judged
    from purchase as p
   cross join lateral seckill_private.use_events(p.rule, p.row, p.units) as e
   where p.subject is not null
     and (p.units > 0 or (p.rule).metric = 'expired_holds');
end;

comment on function seckill_private.limit_events (bigint) is
  'How the use of each limit of an activity went up and down, for check_limits.';

-- file: procedures/internal/proofs/check_rules.sql
-- I3: what a newcomer's purchase does not read is noted as it stands (note_rules).
create or replace function seckill_private.check_rules (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  select 'I3', c.what, c.expected::text, c.actual::text
    from (
      select 'units of a newcomer' as what, a.newcomer_units as actual,
             seckill_private.newcomer_units(p_activity_id) as expected
        from seckill_private.activity as a
       where a.activity_id = p_activity_id
       union all
      select 'limits on all activities', r.global_limits,
             (select count(*)
                from seckill_private.limit_version as l
               where l.activity_id is null
                 and l.until_revision is null)
        from seckill_private.limits_revision as r) as c
   where c.expected <> c.actual;
end;

comment on function seckill_private.check_rules (bigint) is
  'What is noted of an activity''s limits and lists for newcomers, where it is not what stands.';

-- file: procedures/internal/proofs/check_limits.sql
-- I3: at each purchase, use in its window, itself included, was within the limits of the
-- revision that it recorded. At one instant what is given back comes first, then decisions in
-- the order of their revisions: one that was made under later limits was made later. An expired
-- hold is counted at the purchases after it, which must leave room for one more.
create or replace function seckill_private.check_limits (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with event as (
    select e.*, e.delta = 0 as only_judged,
           -- Ids begin with the activity; their number is in the order of purchases of all.
           e.reservation_id & 68719476735 as number
      from seckill_private.limit_events(p_activity_id) as e
  ), running as (
    select e.*,
           sum(e.delta) over (
             partition by e.name, e.activity_id, e.since_revision, e.subject, e.part
             order by e.at, e.decided, e.revision, e.number
             rows between unbounded preceding and current row) as total
      from event as e
  ), usage as (
    select r.name, r.maximum, r.reservation_id,
           case when r.only_judged then 1 else 0 end
           + case
               when r.period is null then r.total
               else (select sum(o.delta)
                       from event as o
                      where o.name = r.name
                        and o.activity_id is not distinct from r.activity_id
                        and o.since_revision = r.since_revision
                        and o.subject = r.subject
                        and o.dated <= r.dated
                        and o.dated > r.dated
                            - make_interval(secs => extract(epoch from r.period)::double precision)
                        and (o.at, o.decided, o.revision, o.number)
                            <= (r.at, r.decided, r.revision, r.number))
             end as used
      from running as r
     where r.judged
  )
  select 'I3', format('limit %s at reservation %s', u.name, u.reservation_id),
         'at most ' || u.maximum, u.used::text
    from usage as u
   where u.used > u.maximum;
end;

comment on function seckill_private.check_limits (bigint) is
  'Purchases that broke a limit as it stood when they were made (I3).';

-- file: procedures/buying/reserve.sql
-- Precedence, locks and refusals: seckill_private.reserve_one.
-- Plans are made once and kept (plan_cache_mode), and by an index (enable_seqscan): a table that is
-- empty when the first buyer comes has 100,000 rows a minute later. Before PostgreSQL 18 a small
-- table that has to be read whole then looks so costly that its plan is compiled, hence jit. So all
-- that buy or run a sale.
-- v_begun is never read: an assignment is an expression, perform would be a query.
create or replace function seckill.reserve (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}'
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_begun text := seckill_private.begin_write();
  v_result seckill.reserve_result;
  v_digests bytea[];
begin
  if not seckill_private.is_sound(
       p_activity_id, p_user_id, p_sku, p_quantity, p_request_id, p_region) then
    perform seckill_private.validate_request(
      p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region);
  end if;
  if p_subjects is distinct from '{}' then
    v_digests := seckill_private.subject_digests(p_subjects);
  end if;
  v_result := seckill_private.reserve_at(
    null, p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region,
    v_digests);
  v_result.ordinal := 1;
  return v_result;
end
$function$;

comment on function seckill.reserve (bigint, text, text, integer, uuid, text, jsonb) is
  'Reserve units of a sku for a user until a hold ends. p_quantity: units. p_request_id: made by '
  'the caller before the first try; a repeat of what was held is that reservation (replayed). '
  'p_region: matched exactly. p_subjects: {"phone": "…", …}, whom limits and lists may be about '
  'beside the user; stored as salted digests only. Answers, highest precedence first: the earlier '
  'answer; ended, not_started, paused; sold_out; not_eligible; limit_exceeded; busy (nothing was '
  'decided); held. A refusal changes nothing. Raises SK001 (also where a limit''s dimension is '
  'missing) to SK005; 55P03 after five seconds of waiting, when nothing happened either.';
grant execute on function seckill.reserve (bigint, text, text, integer, uuid, text, jsonb)
   to seckill_app;

-- file: procedures/buying/reserve_lines.sql
-- Precedence, locks and refusals: seckill_private.reserve_one.
create or replace function seckill.reserve_lines (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}'
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.reserve_result;
  v_lines seckill.reservation_result;
begin
  perform seckill_private.begin_write();
  perform seckill_private.validate_request(
    p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region);
  v_lines := seckill_private.merge_lines(p_skus, p_quantities);
  v_result := seckill_private.reserve_at(
    null, p_activity_id, p_user_id, v_lines.skus, v_lines.quantities, p_request_id, p_region,
    seckill_private.subject_digests(p_subjects));
  v_result.ordinal := 1;
  return v_result;
end
$function$;

comment on function seckill.reserve_lines (
  bigint, text, text[], integer[], uuid, text, jsonb) is
  'Reserve several skus in one order, all or nothing. p_skus, p_quantities (units): parallel, 1 to '
  '50 lines; lines of one sku are added up. All lines are of p_region. Limits count the whole '
  'order. Otherwise as reserve: sold_out names the first sku, in sorted order, of which too few '
  'are left. Raises SK001 to SK005; 55P03 after five seconds of waiting, when nothing happened.';
grant execute on function seckill.reserve_lines (
  bigint, text, text[], integer[], uuid, text, jsonb) to seckill_app;

-- file: procedures/buying/reserve_batch.sql
-- Precedence and refusals of each: seckill_private.reserve_one; the locks of all:
-- seckill_private.reserve_batch_at.
create or replace function seckill.reserve_batch (
  p_activity_ids bigint[],
  p_user_ids text[],
  p_skus text[],
  p_quantities integer[],
  p_request_ids uuid[],
  p_regions text[],
  p_subjects jsonb[]
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_requests integer := cardinality(p_activity_ids);
begin
  perform seckill_private.begin_write();
  if (v_requests = all (array[
       cardinality(p_user_ids), cardinality(p_skus), cardinality(p_quantities),
       cardinality(p_request_ids), cardinality(p_regions), cardinality(p_subjects)]))
     is not true then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be equally long');
  elsif greatest(
          array_ndims(p_activity_ids), array_ndims(p_user_ids), array_ndims(p_skus),
          array_ndims(p_quantities), array_ndims(p_request_ids), array_ndims(p_regions),
          array_ndims(p_subjects)) > 1 then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be plain lists');
  elsif v_requests > 500 then
    perform seckill_private.raise_error('SK001', 'a batch takes 500 requests');
  end if;
  return query
    select b.*
      from seckill_private.reserve_batch_at(
             null, seckill_private.read_requests(
               p_activity_ids, p_user_ids, p_skus, p_quantities, p_request_ids, p_regions,
               p_subjects)) as b;
end
$function$;

comment on function seckill.reserve_batch (
  bigint[], text[], text[], integer[], uuid[], text[], jsonb[]) is
  'Reserve for up to 500 buyers in one transaction: the arrays are parallel, one line a request. '
  'One row for each, in their order (ordinal), as seckill.reserve would answer them one after '
  'another. A request that it would refuse with SK001 to SK004 gets status error and the code in '
  'error_code, and the others go on. Every limit and list holds inside the batch too. Raises SK001 '
  '(arrays that are null, of unequal length or too long), SK005; 55P03 after five seconds of '
  'waiting for a lock, when nothing happened.';
grant execute on function seckill.reserve_batch (
  bigint[], text[], text[], integer[], uuid[], text[], jsonb[]) to seckill_app;

-- file: procedures/buying/reserve_now.sql
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

-- file: procedures/buying/explain.sql
-- Nothing is locked and no row written, so it may be called beside a rush, in any transaction. All
-- checks are made in one snapshot (explain_at). That a request was answered before is told as its
-- repeat tells it: once the answer is on disk (seckill_private.replay).
create or replace function seckill.explain (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}'
)
  returns setof seckill.check_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_row seckill.check_result;
begin
  perform seckill_private.validate_request(
    p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region);
  for v_row in
    select c.*
      from seckill_private.explain_at(
             null, p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id,
             p_region, seckill_private.subject_digests(p_subjects)) as c
  loop
    if v_row.check_name = 'replay' then
      perform seckill_private.ensure_durable(clock_timestamp());
    end if;
    return next v_row;
  end loop;
end
$function$;

comment on function seckill.explain (bigint, text, text, integer, uuid, text, jsonb) is
  'Why would this purchase succeed or fail, now? Arguments as reserve. A row for each check, in '
  'order of precedence: the first that fails is what reserve answers. check_name: replay (this '
  'request was answered before; then the only row), sale, stock, blocked and eligible (one for '
  'each dimension with such a list), limit (one for each that covers the sku, by name). Changes '
  'nothing. Raises SK001 to SK004.';
grant execute on function seckill.explain (bigint, text, text, integer, uuid, text, jsonb)
   to seckill_app;

-- file: procedures/buying/limit_usage.sql
-- A read: nothing is locked, so beside a rush the numbers were true at some moment of the call.
create or replace function seckill.limit_usage (
  p_activity_id bigint,
  p_user_id text,
  p_subjects jsonb default '{}'
)
  returns setof seckill.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  return query
    select c.*
      from seckill_private.usage_checks_at(
             null, p_activity_id, p_user_id, seckill_private.subject_digests(p_subjects)) as c;
end
$function$;

comment on function seckill.limit_usage (bigint, text, jsonb) is
  'What these subjects have used of each limit of an activity, global ones included, by name: '
  'used, maximum and remaining (units, orders or holds), resets_at. status: pass while one more is '
  'allowed. Limits on dimensions that p_subjects does not name are left out. Raises SK001, SK002.';
grant execute on function seckill.limit_usage (bigint, text, jsonb) to seckill_app;

-- file: procedures/buying/confirm.sql
-- Precedence, locks: seckill_private.confirm_at.
create or replace function seckill.confirm (
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text default null
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  perform seckill_private.optional_text('p_payment_ref', p_payment_ref);
  return seckill_private.confirm_at(null, p_user_id, p_reservation_id, p_payment_ref);
end
$function$;

comment on function seckill.confirm (text, bigint, text) is
  'Record that a reservation was paid: its units are sold. p_payment_ref: the payment, if there is '
  'one. Answers: confirmed (late: the hold had ended, and the units were taken again); '
  'late_sold_out or late_limit_exceeded (the hold had ended, and stock or limit have gone to '
  'another purchase: refund the buyer; final); cancelled; refunded; duplicate_payment (confirmed '
  'before, with another payment_ref or none). late_sold_out, late_limit_exceeded and '
  'duplicate_payment leave an event in the ledger. A repeat gives the same answer, replayed; so '
  'does one without a payment_ref. Raises SK001, SK005, SK008; 55P03 after five seconds of '
  'waiting, or when others are just settling the units that a late payment needs: nothing '
  'happened, try again.';
grant execute on function seckill.confirm (text, bigint, text) to seckill_app;

-- file: procedures/buying/cancel.sql
-- Precedence, locks: seckill_private.cancel_at.
create or replace function seckill.cancel (
  p_user_id text,
  p_reservation_id bigint,
  p_reason text default null
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  perform seckill_private.optional_text('p_reason', p_reason);
  return seckill_private.cancel_at(null, p_user_id, p_reservation_id, p_reason);
end
$function$;

comment on function seckill.cancel (text, bigint, text) is
  'Give a hold back: its units are available again at once. Answers: cancelled; confirmed (too '
  'late, it was paid); expired (the hold had ended); refunded. A repeat gives the same answer; '
  'replayed where it was cancelled before. Raises SK001, SK005, SK008; 55P03 after five '
  'seconds of waiting, when nothing happened.';
grant execute on function seckill.cancel (text, bigint, text) to seckill_app;

-- file: procedures/buying/refund.sql
-- Precedence, locks: seckill_private.refund_at.
create or replace function seckill.refund (
  p_user_id text,
  p_reservation_id bigint,
  p_skus text[] default null,
  p_quantities integer[] default null,
  p_request_id uuid default null,
  p_restock boolean default true,
  p_restore_limits boolean default true
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  perform seckill_private.validate_refund(
    p_skus, p_quantities, p_request_id, p_restock, p_restore_limits);
  return seckill_private.refund_at(
    null, p_user_id, p_reservation_id, p_skus, p_quantities, p_request_id, p_restock,
    p_restore_limits);
end
$function$;

comment on function seckill.refund (
  text, bigint, text[], integer[], uuid, boolean, boolean) is
  'Take back what was bought: all that remains, or the lines named. p_skus, p_quantities: '
  'parallel; skus alone mean all that remains of them, quantities alone are those of the lines as '
  'reserved. p_request_id: a repeat refunds nothing more; needed where lines or quantities are '
  'named. p_restock: the units can be bought again (in a closed activity they go to the '
  'inventory); false writes them off. p_restore_limits: the buyer may buy as many again in the '
  'window of the purchase; an order is given back with its last unit. Answers: refunded (nothing '
  'is left), partly_refunded. A repeat gives the same answer, replayed; so does asking for all '
  'once all was refunded. Raises SK001 (also when fewer units remain), SK004, SK005, SK006 (not '
  'confirmed), SK008; 55P03 after five seconds of waiting.';
grant execute on function seckill.refund (
  text, bigint, text[], integer[], uuid, boolean, boolean) to seckill_app;

-- file: procedures/buying/confirm_batch.sql
-- Precedence, locks: seckill_private.confirm_batch_at.
create or replace function seckill.confirm_batch (
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_payment_refs text[]
)
  returns setof seckill.resolve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_payments integer := cardinality(p_reservation_ids);
begin
  perform seckill_private.begin_write();
  if p_user_ids is null or p_reservation_ids is null or p_payment_refs is null then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must not be null');
  elsif v_payments <> cardinality(p_user_ids) or v_payments <> cardinality(p_payment_refs) then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be equally long');
  elsif array_ndims(p_user_ids) > 1 or array_ndims(p_reservation_ids) > 1
        or array_ndims(p_payment_refs) > 1 or array_lower(p_user_ids, 1) <> 1
        or array_lower(p_reservation_ids, 1) <> 1 or array_lower(p_payment_refs, 1) <> 1 then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be plain lists');
  elsif v_payments > 500 then
    perform seckill_private.raise_error('SK001', 'a batch takes 500 payments');
  end if;
  return query
    select b.*
      from seckill_private.confirm_batch_at(
             null, p_user_ids, p_reservation_ids, p_payment_refs) as b;
end
$function$;

comment on function seckill.confirm_batch (text[], bigint[], text[]) is
  'Confirm up to 500 reservations, as a file of payments brings them: the arrays are parallel, a '
  'payment_ref may be null. One row for each, in their order, as seckill.confirm would answer them '
  'one after another; a payment that it would refuse with SK001 or SK008 gets status error and the '
  'code in error_code, and the others go on. All are decided at one instant. Raises SK001 (arrays '
  'that are null, of unequal length or too long), SK005; 55P03 after five seconds of waiting, or '
  'when others are just settling the units that a late payment needs: nothing happened, try again.';
grant execute on function seckill.confirm_batch (text[], bigint[], text[]) to seckill_app;

-- file: procedures/buying/availability.sql
-- Precedence of status: ended, not_started, paused, sold_out, on_sale.
-- One snapshot (stable), so that the numbers belong together.
create or replace function seckill.availability (
  p_activity_id bigint,
  p_sku text,
  p_region text default '*'
)
  returns seckill.availability_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_result seckill.availability_result;
  v_activity seckill_private.activity;
  v_pool_id bigint;
  v_now timestamptz;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  v_activity := (seckill_private.load_sale(p_activity_id)).activity;
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_now := seckill_private.now_at(null, array[v_pool_id]);
  v_result := seckill_private.pool_balance(p_activity_id, v_pool_id, v_now);
  v_result.status := seckill_private.sale_status(
    v_activity.state, v_activity.starts_at, v_activity.ends_at, v_now);
  if v_result.status = 'on_sale' and v_result.available = 0 then
    v_result.status := 'sold_out';
  end if;
  return v_result;
end
$function$;

comment on function seckill.availability (bigint, text, text) is
  'Units of (activity, sku, region): total = available + held + sold. Holds that have ended count '
  'as available. status: on_sale, sold_out, not_started, paused, ended. Raises SK001, SK002, '
  'SK003.';
grant execute on function seckill.availability (bigint, text, text) to seckill_app, seckill_read;

-- file: procedures/buying/get_reservation.sql
-- Another user's reservation answers like one that does not exist.
create or replace function seckill.get_reservation (
  p_user_id text,
  p_reservation_id bigint
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_row seckill_private.reservation;
  v_result seckill.reservation_result;
begin
  perform seckill_private.require_text('p_user_id', p_user_id);
  if p_reservation_id is null then
    perform seckill_private.raise_error('SK001', 'p_reservation_id must not be null');
  end if;
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(
           seckill_private.activity_of(p_reservation_id), p_user_id)
     and r.reservation_id = p_reservation_id
     and r.user_id = p_user_id;
  if found then
    v_result := seckill_private.read_reservation(v_row);
  end if;
  if v_result.region is null then
    perform seckill_private.raise_error('SK008', 'reservation ' || p_reservation_id);
  end if;
  return v_result;
end
$function$;

comment on function seckill.get_reservation (text, bigint) is
  'A reservation of this user, as it is now. Raises SK001; SK008 where there is none, also where '
  'it is another user''s.';
grant execute on function seckill.get_reservation (text, bigint) to seckill_app;

-- file: procedures/buying/find_reservation.sql
-- For the caller whose connection broke before the answer came: a call of this user that is still
-- being decided is waited for.
-- Locks: the user.
create or replace function seckill.find_reservation (
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_row seckill_private.reservation;
  v_result seckill.reservation_result;
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.lock_subject('user', p_user_id);
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
     and r.user_id = p_user_id
     and seckill_private.activity_of(r.reservation_id) = p_activity_id;
  if found then
    v_result := seckill_private.read_reservation(v_row);
  end if;
  if v_result.region is null then
    -- An older snapshot does not show what the lock has waited for: it is no proof of anything.
    perform seckill_private.begin_write();
    perform seckill_private.raise_error('SK008', 'request ' || p_request_id);
  end if;
  return v_result;
end
$function$;

comment on function seckill.find_reservation (bigint, text, uuid) is
  'The reservation that a request id of this user led to: how a caller who got no answer learns '
  'it. A call that is being decided is waited for; one that has not reached the server yet is not, '
  'so SK008 is no proof that it never will: repeat the reserve to be sure. Raises SK001; SK008 '
  'where there is none; SK005 where it finds none and the transaction is not READ COMMITTED; 55P03 '
  'after five seconds of waiting.';
grant execute on function seckill.find_reservation (bigint, text, uuid) to seckill_app;

-- file: procedures/buying/list_reservations.sql
-- One probe for each activity, since keys start with it.
create or replace function seckill.list_reservations (
  p_user_id text,
  p_activity_id bigint default null,
  p_limit integer default 100
)
  returns setof seckill.reservation_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
begin
  perform seckill_private.require_text('p_user_id', p_user_id);
  perform seckill_private.require_limit(p_limit);
  return query
    select f.*
      from (select r
              from seckill_private.activity as a
              join seckill_private.reservation as r
                on r.buyer_key = seckill_private.buyer_key(a.activity_id, p_user_id)
             where a.dropped_at is null
               and r.user_id = p_user_id
               and (p_activity_id is null or a.activity_id = p_activity_id)
             order by r.created_at desc, r.reservation_id desc
             limit p_limit) as d
     cross join lateral seckill_private.read_reservation(d.r) as f
     where f.region is not null;
end
$function$;

comment on function seckill.list_reservations (text, bigint, integer) is
  'Reservations of a user, newest first: of one activity, or of all (null). p_limit: rows, 1 to '
  '10000. Raises SK001.';
grant execute on function seckill.list_reservations (text, bigint, integer) to seckill_app;

-- file: procedures/running/create_activity.sql
-- Instants go into the journal in UTC, so that a repeat from a session in another zone is the same
-- call.
create or replace function seckill.create_activity (
  p_name text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_hold_seconds integer default 900,
  p_time_zone text default 'UTC',
  p_request_id uuid default null,
  p_actor text default null
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_arguments jsonb;
  v_answer jsonb;
  v_activity_id bigint;
begin
  perform seckill_private.begin_write();
  perform seckill_private.validate_activity(p_name, p_starts_at, p_ends_at, p_hold_seconds);
  perform seckill_private.require_time_zone(p_time_zone);
  perform seckill_private.optional_text('p_actor', p_actor);
  v_arguments := jsonb_build_object(
    'name', p_name, 'starts_at', p_starts_at at time zone 'UTC',
    'ends_at', p_ends_at at time zone 'UTC', 'hold_seconds', p_hold_seconds,
    'time_zone', p_time_zone);
  v_answer := seckill_private.ops_replay('create_activity', p_request_id, v_arguments);
  if v_answer is not null then
    return (v_answer ->> 'activity_id')::bigint;
  end if;
  insert into seckill_private.activity (
    name, starts_at, ends_at, hold_seconds, time_zone, created_at)
  values (p_name, p_starts_at, p_ends_at, p_hold_seconds, p_time_zone, clock_timestamp())
  returning activity_id into v_activity_id;
  perform seckill_private.ensure_partition(v_activity_id);
  perform seckill_private.ops_record(
    'create_activity', v_activity_id, p_request_id, v_arguments,
    jsonb_build_object('activity_id', v_activity_id), p_actor);
  return v_activity_id;
end
$function$;

comment on function seckill.create_activity (
  text, timestamptz, timestamptz, integer, text, uuid, text) is
  'Create an activity, as a draft; its id. It sells from p_starts_at until before p_ends_at (years '
  '1970 to 9998), once it is opened. p_hold_seconds: how long a hold lasts unpaid, 1 to 2592000. '
  'p_time_zone: a name that PostgreSQL knows; days turn over at its midnight; it never changes. '
  'p_request_id: a repeat gives the same id. p_actor: who asked, kept in the books. Raises SK001, '
  'SK004, SK005.';
grant execute on function seckill.create_activity (
  text, timestamptz, timestamptz, integer, text, uuid, text) to seckill_ops;

-- file: procedures/running/update_activity.sql
-- Holds that exist keep the end they were given.
create or replace function seckill.update_activity (
  p_activity_id bigint,
  p_name text default null,
  p_starts_at timestamptz default null,
  p_ends_at timestamptz default null,
  p_hold_seconds integer default null,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_old seckill_private.activity := seckill_private.lock_activity(p_activity_id);
  v_new seckill_private.activity := v_old;
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_new.name := coalesce(p_name, v_old.name);
  v_new.starts_at := coalesce(p_starts_at, v_old.starts_at);
  v_new.ends_at := coalesce(p_ends_at, v_old.ends_at);
  v_new.hold_seconds := coalesce(p_hold_seconds, v_old.hold_seconds);
  perform seckill_private.validate_activity(
    v_new.name, v_new.starts_at, v_new.ends_at, v_new.hold_seconds);
  v_result.status := v_old.state;
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_new is not distinct from v_old;
  if v_result.replayed then
    return v_result;
  end if;
  update seckill_private.activity as a
     set name = v_new.name,
         starts_at = v_new.starts_at,
         ends_at = v_new.ends_at,
         hold_seconds = v_new.hold_seconds
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    'update_activity', p_activity_id, null,
    jsonb_strip_nulls(jsonb_build_object(
      'name', p_name, 'starts_at', p_starts_at at time zone 'UTC',
      'ends_at', p_ends_at at time zone 'UTC', 'hold_seconds', p_hold_seconds)),
    to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.update_activity (
  bigint, text, timestamptz, timestamptz, integer, text) is
  'Change an activity that is not closed; null leaves a setting as it is. Open holds keep their '
  'end. status: the activity''s state; replayed: nothing was to be changed. Raises SK001, SK002, '
  'SK005, SK006.';
grant execute on function seckill.update_activity (
  bigint, text, timestamptz, timestamptz, integer, text) to seckill_ops;

-- file: procedures/running/open_activity.sql
-- A paused activity is not opened but resumed, so that nobody undoes a pause by accident.
create or replace function seckill.open_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_state(
    p_activity_id, 'open_activity', array['draft'], 'open', p_actor);
end
$function$;

comment on function seckill.open_activity (bigint, text) is
  'Open a draft: it sells from starts_at on. status: open; replayed where it was open already. '
  'Raises SK001, SK002, SK005, SK006.';
grant execute on function seckill.open_activity (bigint, text) to seckill_ops;

-- file: procedures/running/pause_activity.sql
-- A purchase that is being decided while this commits may still be held.
create or replace function seckill.pause_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_state(
    p_activity_id, 'pause_activity', array['open'], 'paused', p_actor);
end
$function$;

comment on function seckill.pause_activity (bigint, text) is
  'Pause an open activity: purchases are refused until it is resumed, holds can still be paid and '
  'cancelled. status: paused; replayed where it was paused already. Raises SK001, SK002, SK005, '
  'SK006.';
grant execute on function seckill.pause_activity (bigint, text) to seckill_ops;

-- file: procedures/running/resume_activity.sql
-- Time goes on during a pause: neither the end of the sale nor that of a hold moves.
create or replace function seckill.resume_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_state(
    p_activity_id, 'resume_activity', array['paused'], 'open', p_actor);
end
$function$;

comment on function seckill.resume_activity (bigint, text) is
  'Go on with a paused activity. status: open; replayed where it was open already. Raises SK001, '
  'SK002, SK005, SK006.';
grant execute on function seckill.resume_activity (bigint, text) to seckill_ops;

-- file: procedures/running/close_activity.sql
-- Locks: the activity; those of seckill_private.return_unsold.
create or replace function seckill.close_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result := seckill_private.change_state(
    p_activity_id, 'close_activity', array['draft', 'open', 'paused'], 'closed', p_actor);
begin
  if not v_result.replayed then
    v_result.quantity := seckill_private.return_unsold(null, p_activity_id, p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.close_activity (bigint, text) is
  'End an activity for good. What is available, holds that have ended included, returns to the '
  'inventory at once (quantity: units); open holds live on, and what they release later follows. '
  'status: closed; replayed where it was closed already. Where nobody has swept ten thousands of '
  'holds, call expire_due first: whoever pays waits meanwhile. Raises SK001, SK002, SK005; 55P03 '
  'after five seconds of waiting, when nothing happened.';
grant execute on function seckill.close_activity (bigint, text) to seckill_ops;

-- file: procedures/running/receive_stock.sql
-- Locks: the request id, the inventory row.
create or replace function seckill.receive_stock (
  p_sku text,
  p_quantity bigint,
  p_request_id uuid,
  p_reason text default null,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_arguments jsonb := jsonb_build_object(
    'sku', p_sku, 'quantity', p_quantity, 'reason', p_reason);
  v_answer jsonb;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  -- Not abs(): the least bigint has none.
  perform seckill_private.require_units(
    'p_quantity', greatest(p_quantity, -greatest(p_quantity, -9223372036854775807)));
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_reason', p_reason);
  perform seckill_private.optional_text('p_actor', p_actor);
  v_answer := seckill_private.ops_replay('receive_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  insert into seckill_private.inventory (sku, quantity)
  values (p_sku, 0)
  on conflict (sku) do nothing;
  v_result.status := 'received';
  v_result.replayed := false;
  v_result.sku := p_sku;
  v_result.quantity := p_quantity;
  v_result.total := seckill_private.move_inventory(
    clock_timestamp(), p_sku, p_quantity, 'receive', null, p_actor, p_reason);
  perform seckill_private.ops_record(
    'receive_stock', null, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.receive_stock (text, bigint, uuid, text, text) is
  'Put units of a sku into the inventory, or take them out (negative), never below zero. '
  'p_quantity: units, up to 10^12 either way. p_request_id: a repeat changes nothing. status: '
  'received; total: units in the inventory then. Raises SK001, SK004, SK005, SK007.';
grant execute on function seckill.receive_stock (text, bigint, uuid, text, text) to seckill_ops;

-- file: procedures/running/allocate_stock.sql
-- Locks: the request id, the activity, the pool's slots, the inventory row.
create or replace function seckill.allocate_stock (
  p_activity_id bigint,
  p_sku text,
  p_quantity bigint,
  p_request_id uuid,
  p_region text default '*',
  p_slots integer default 1,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_arguments jsonb := jsonb_build_object(
    'activity_id', p_activity_id, 'sku', p_sku, 'quantity', p_quantity, 'region', p_region,
    'slots', p_slots);
  v_answer jsonb;
  v_pool_id bigint;
  v_now timestamptz;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.require_units('p_quantity', p_quantity);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.require_slots(p_slots);
  v_answer := seckill_private.ops_replay('allocate_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.ensure_pool(p_activity_id, p_sku, p_region, p_slots);
  perform seckill_private.lock_slots(array[v_pool_id]);
  v_now := seckill_private.now_at(null, array[v_pool_id]);
  perform seckill_private.require_inventory(p_sku, p_quantity);
  perform seckill_private.post_movements(
    v_now, 'allocate', 'inventory', 'available',
    seckill_private.spread_units(v_pool_id, p_quantity), p_actor);
  v_result.status := 'allocated';
  v_result.replayed := false;
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := p_quantity;
  v_result.total := (seckill_private.pool_balance(p_activity_id, v_pool_id, v_now)).total;
  perform seckill_private.ops_record(
    'allocate_stock', p_activity_id, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.allocate_stock (bigint, text, bigint, uuid, text, integer, text) is
  'Move units from the inventory into a pool of an activity, also while it sells; the pool is made '
  'where it is missing. p_quantity: units. p_region: the pool''s region, * for those that do not '
  'divide. p_slots: 1 to 64 rows that share a pool that is made here, so that buyers wait less for '
  'one another; one that is there keeps its own (seckill.set_slots). p_request_id: a repeat '
  'changes nothing. status: allocated; total: units in the pool then. Raises SK001, SK002, SK004, '
  'SK005, SK006 (closed), SK007 (the inventory has fewer).';
grant execute on function seckill.allocate_stock (
  bigint, text, bigint, uuid, text, integer, text) to seckill_ops;

-- file: procedures/running/set_stock_total.sql
-- Locks: the activity, its slots ascending, inventory rows by sku, holds by SKIP LOCKED.
create or replace function seckill.set_stock_total (
  p_activity_id bigint,
  p_sku text,
  p_total bigint,
  p_mode text,
  p_region text default '*',
  p_expected_total bigint default null,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_total is null or p_total not between 0 and 1000000000000 then
    perform seckill_private.raise_error('SK001', 'p_total must be from 0 to 10^12');
  elsif p_mode is null or p_mode not in ('reject', 'floor', 'drain', 'revoke') then
    perform seckill_private.raise_error(
      'SK001', 'p_mode must be reject, floor, drain or revoke');
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_result := seckill_private.set_stock_total_at(
    null, p_activity_id, p_sku, p_region, p_total, p_mode, p_expected_total, p_actor);
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_stock_total', p_activity_id, null,
      jsonb_build_object(
        'sku', p_sku, 'region', p_region, 'total', p_total, 'mode', p_mode,
        'expected_total', p_expected_total),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_stock_total (
  bigint, text, bigint, text, text, bigint, text) is
  'Set how many units a pool has, also while it sells; what goes in comes from the inventory, '
  'what goes out returns to it. p_total: 0 to 10^12. p_mode, where it is lowered: reject (SK007 '
  'when fewer than are held or sold), floor (down to what is held or sold, and no further), drain '
  '(what is available goes now, the rest as it comes back; units that are allocated later pay '
  'that debt first), revoke (the newest holds are cancelled, each with a line in the ledger, '
  'until it fits; SK007 when fewer than are sold). Units go in this order: available, then those '
  'of later releases, the latest first, then by mode. Holds that have ended are settled before. '
  'p_expected_total: the call is refused with SK006 unless this is the total it finds. status: '
  'set; quantity: units put in (negative: taken out); total: units in the pool then; replayed: '
  'there was nothing to change. Raises SK001, SK002, SK003, SK005, SK006 (also when closed), '
  'SK007; 55P03 after five seconds of waiting, or when others are just resolving the holds in '
  'question: nothing happened, try again.';
grant execute on function seckill.set_stock_total (
  bigint, text, bigint, text, text, bigint, text) to seckill_ops;

-- file: procedures/running/set_limit.sql
-- A limit is never overwritten: its version ends and a new one begins, so that each purchase can be
-- judged by what stood when it was made. It counts what was bought before it was set.
-- Locks: the activity (none for a global limit), the revision counter.
create or replace function seckill.set_limit (
  p_activity_id bigint,
  p_name text,
  p_dimension text,
  p_metric text,
  p_window text,
  p_maximum bigint,
  p_sku text default null,
  p_period interval default null,
  p_time_zone text default null,
  p_required boolean default true,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_new seckill_private.limit_version;
begin
  v_new.activity_id := p_activity_id;
  v_new.name := p_name;
  v_new.dimension := p_dimension;
  v_new.metric := p_metric;
  v_new.window_kind := case
    when p_metric = 'open_holds' then coalesce(p_window, 'activity') else p_window
  end;
  v_new.maximum := p_maximum;
  v_new.sku := p_sku;
  v_new.period := p_period;
  v_new.time_zone := p_time_zone;
  v_new.required := p_required;
  perform seckill_private.validate_limit(
    p_activity_id, p_name, p_dimension, p_metric, v_new.window_kind, p_maximum, p_sku, p_period,
    p_time_zone, p_required);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_rules(p_activity_id);
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.replayed := seckill_private.limit_stands(v_new);
  if v_result.replayed then
    return v_result;
  end if;
  v_new.since_revision := seckill_private.end_limit(p_activity_id, p_name);
  insert into seckill_private.limit_version select v_new.*;
  perform seckill_private.note_rules(p_activity_id);
  perform seckill_private.ops_record(
    'set_limit', p_activity_id, null,
    jsonb_strip_nulls(
      to_jsonb(v_new) - array['activity_id', 'since_revision', 'window_kind']
      || jsonb_build_object('window', v_new.window_kind)),
    to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.set_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean, text) is
  'Set a limit, or change the one of that name: at most p_maximum of p_metric for each subject of '
  'p_dimension (user, or any key of p_subjects) in p_window, for one p_sku or for all (null). '
  'Several may apply; all must pass. p_metric: units; orders; open_holds (unpaid now; p_window is '
  'null or activity); expired_holds (ended unpaid, never given back). p_window: order, hour, day, '
  'week (from Monday), month, activity; rolling, the last p_period (days and shorter). '
  'p_time_zone: of the calendar, else the activity''s. p_required: a request that does not name '
  'the dimension is an error (SK001); false: it passes. p_activity_id null: a global limit, which '
  'counts across all activities unless its window is order or activity; an activity''s limit of '
  'that name stands in for it. A limit counts what was bought before; lowered below what is used, '
  'it keeps that and refuses more. status: set; replayed where it stood like this already. Raises '
  'SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.set_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean, text) to seckill_ops;

-- file: procedures/running/drop_limit.sql
-- Locks: the activity (none for a global limit), the revision counter.
create or replace function seckill.drop_limit (
  p_activity_id bigint,
  p_name text,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
begin
  perform seckill_private.require_text('p_name', p_name);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_rules(p_activity_id);
  v_result.status := 'dropped';
  v_result.activity_id := p_activity_id;
  v_result.replayed := not exists (
    select from seckill_private.limit_version as l
     where l.activity_id is not distinct from p_activity_id
       and l.name = p_name
       and l.until_revision is null);
  if v_result.replayed then
    return v_result;
  end if;
  perform seckill_private.end_limit(p_activity_id, p_name);
  perform seckill_private.note_rules(p_activity_id);
  perform seckill_private.ops_record(
    'drop_limit', p_activity_id, null, jsonb_build_object('name', p_name), to_jsonb(v_result),
    p_actor);
  return v_result;
end
$function$;

comment on function seckill.drop_limit (bigint, text, text) is
  'Drop a limit of an activity, or a global one (null). status: dropped; replayed where there was '
  'none of that name. '
  'Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.drop_limit (bigint, text, text) to seckill_ops;

-- file: procedures/running/set_queue_limit.sql
-- Buyers see it with their next call; who waits already goes on waiting.
-- Locks: the activity.
create or replace function seckill.set_queue_limit (
  p_activity_id bigint,
  p_max_waiting integer,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_max_waiting not between 0 and 1000 then
    perform seckill_private.raise_error(
      'SK001', 'p_max_waiting must be 0 to 1000, is ' || p_max_waiting);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  update seckill_private.activity as a
     set max_waiting = p_max_waiting
   where a.activity_id = p_activity_id
     and a.max_waiting is distinct from p_max_waiting;
  v_result.replayed := not found;
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_queue_limit', p_activity_id, null, jsonb_build_object('max_waiting', p_max_waiting),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_queue_limit (bigint, integer, text) is
  'How many callers may wait for the units of one pool of an activity, beside those being served, '
  'one for each slot; whoever comes then is answered busy at once, and nothing was decided. 0 to '
  '1000; null: no bound, as at first. A batch is one caller. status: set; replayed where it was so '
  'already. Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.set_queue_limit (bigint, integer, text) to seckill_ops;

-- file: procedures/running/require_eligibility.sql
-- An explicit switch and not "the list has rows": an emptied list closes the sale, never opens it.
-- Locks: the activity.
create or replace function seckill.require_eligibility (
  p_activity_id bigint,
  p_dimension text,
  p_required boolean,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
begin
  perform seckill_private.require_text('p_dimension', p_dimension);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_required is null then
    perform seckill_private.raise_error('SK001', 'p_required must not be null');
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  perform seckill_private.note_dimension(p_activity_id, p_dimension, 'eligible');
  update seckill_private.list_dimension as d
     set required = p_required
   where d.activity_id = p_activity_id
     and d.dimension = p_dimension
     and d.required <> p_required;
  v_result.replayed := not found;
  v_result.status := 'required';
  v_result.activity_id := p_activity_id;
  if not v_result.replayed then
    perform seckill_private.note_rules(p_activity_id);
    perform seckill_private.ops_record(
      'require_eligibility', p_activity_id, null,
      jsonb_build_object('dimension', p_dimension, 'required', p_required), to_jsonb(v_result),
      p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.require_eligibility (bigint, text, boolean, text) is
  'Switch on (or off) that buyers must be on the list of eligible subjects of a dimension '
  '(add_eligible). Every dimension that is switched on must pass; with an empty list nobody does. '
  'status: required; replayed where it was so already. Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.require_eligibility (bigint, text, boolean, text) to seckill_ops;

-- file: procedures/running/add_eligible.sql
-- Locks: the activity.
create or replace function seckill.add_eligible (
  p_activity_id bigint,
  p_dimension text,
  p_values text[],
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_list(
    p_activity_id, 'add_eligible', 'added', 'eligible', p_dimension, p_values, true, p_actor);
end
$function$;

comment on function seckill.add_eligible (bigint, text, text[], text) is
  'Put subjects on the list of those who may buy. It counts once require_eligibility asks for it. '
  'p_dimension: user, or any key of p_subjects. p_values: 1 to 10000, stored as digests. quantity: '
  'values that changed. status: added; replayed where nothing changed. Raises SK001, SK002, SK005, '
  'SK006 (closed).';
grant execute on function seckill.add_eligible (bigint, text, text[], text) to seckill_ops;

-- file: procedures/running/remove_eligible.sql
-- Locks: the activity.
create or replace function seckill.remove_eligible (
  p_activity_id bigint,
  p_dimension text,
  p_values text[],
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_list(
    p_activity_id, 'remove_eligible', 'removed', 'eligible', p_dimension, p_values, false, p_actor);
end
$function$;

comment on function seckill.remove_eligible (bigint, text, text[], text) is
  'Take subjects off the list of those who may buy. An emptied list that is required lets nobody '
  'in. p_dimension: user, or any key of p_subjects. p_values: 1 to 10000, stored as digests. '
  'quantity: values that changed. status: removed; replayed where nothing changed. Raises SK001, '
  'SK002, SK005, SK006 (closed).';
grant execute on function seckill.remove_eligible (bigint, text, text[], text) to seckill_ops;

-- file: procedures/running/block.sql
-- Locks: the activity.
create or replace function seckill.block (
  p_activity_id bigint,
  p_dimension text,
  p_values text[],
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_list(
    p_activity_id, 'block', 'blocked', 'blocked', p_dimension, p_values, true, p_actor);
end
$function$;

comment on function seckill.block (bigint, text, text[], text) is
  'Put subjects on the list of those who may not buy: any block refuses a purchase. p_dimension: '
  'user, or any key of p_subjects. p_values: 1 to 10000, stored as digests. quantity: values that '
  'changed. status: blocked; replayed where nothing changed. Raises SK001, SK002, SK005, SK006 '
  '(closed).';
grant execute on function seckill.block (bigint, text, text[], text) to seckill_ops;

-- file: procedures/running/unblock.sql
-- Locks: the activity.
create or replace function seckill.unblock (
  p_activity_id bigint,
  p_dimension text,
  p_values text[],
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  return seckill_private.change_list(
    p_activity_id, 'unblock', 'unblocked', 'blocked', p_dimension, p_values, false, p_actor);
end
$function$;

comment on function seckill.unblock (bigint, text, text[], text) is
  'Take subjects off the list of those who may not buy. p_dimension: user, or any key of '
  'p_subjects. p_values: 1 to 10000, stored as digests. quantity: values that changed. status: '
  'unblocked; replayed where nothing changed. Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.unblock (bigint, text, text[], text) to seckill_ops;

-- file: procedures/running/set_slots.sql
-- Buyers go on meanwhile, but for the moment in which the units are spread anew. Where there were
-- more slots they keep what is held and sold, and their rows (add_slots), but nothing available.
-- Locks: the activity; the pool's slots ascending.
create or replace function seckill.set_slots (
  p_activity_id bigint,
  p_sku text,
  p_slots integer,
  p_region text default '*',
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_pool_id bigint;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.require_slots(p_slots);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  update seckill_private.pool as p
     set slots = p_slots
   where p.pool_id = v_pool_id
     and p.slots <> p_slots;
  v_result.replayed := not found;
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := p_slots;
  if not v_result.replayed then
    perform seckill_private.lock_slots(array[v_pool_id]);
    perform seckill_private.add_slots(v_pool_id);
    perform seckill_private.level_slots(
      seckill_private.now_at(null, array[v_pool_id]), v_pool_id);
  end if;
  v_result.total := (seckill_private.slots_of(v_pool_id)).total;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_slots', p_activity_id, null,
      jsonb_build_object('sku', p_sku, 'region', p_region, 'slots', p_slots),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_slots (bigint, text, integer, text, text) is
  'Over how many rows a pool spreads its units, also while it sells: with several, buyers who call '
  'one by one wait less for one another. An order is served from any of them, and sold_out is said '
  'only when all together have too few. p_slots: 1 to 64. status: set; quantity: slots; total: '
  'units in the pool; replayed where it had so many already. Raises SK001, SK002, SK003, SK005, '
  'SK006 (closed).';
grant execute on function seckill.set_slots (bigint, text, integer, text, text) to seckill_ops;

-- file: procedures/running/move_stock.sql
-- Through the inventory's ledger, as everything that enters or leaves a pool.
-- Locks: the request id, the activity; due holds by SKIP LOCKED; slots ascending; inventory rows by
--   sku.
create or replace function seckill.move_stock (
  p_activity_id bigint,
  p_sku text,
  p_quantity bigint,
  p_from_region text,
  p_to_region text,
  p_request_id uuid,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_arguments jsonb := jsonb_build_object(
    'activity_id', p_activity_id, 'sku', p_sku, 'quantity', p_quantity,
    'from_region', p_from_region, 'to_region', p_to_region);
  v_answer jsonb;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_units('p_quantity', p_quantity);
  perform seckill_private.require_text('p_from_region', p_from_region);
  perform seckill_private.require_text('p_to_region', p_to_region);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_from_region = p_to_region then
    perform seckill_private.raise_error('SK001', 'p_from_region and p_to_region are the same');
  end if;
  v_answer := seckill_private.ops_replay('move_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_result.total := seckill_private.move_units(
    null, p_activity_id, seckill_private.find_pool(p_activity_id, p_sku, p_from_region),
    seckill_private.find_pool(p_activity_id, p_sku, p_to_region), p_quantity, p_actor);
  v_result.status := 'moved';
  v_result.replayed := false;
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_to_region;
  v_result.quantity := p_quantity;
  perform seckill_private.ops_record(
    'move_stock', p_activity_id, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.move_stock (bigint, text, bigint, text, text, uuid, text) is
  'Move available units of a sku from the pool of one region to that of another, also while they '
  'sell. p_quantity: units. p_request_id: a repeat changes nothing. status: moved; total: units in '
  'the pool of p_to_region then. Raises SK001, SK002, SK003 (a region without this pool), SK004, '
  'SK005, SK006 (closed), SK007 (fewer are available).';
grant execute on function seckill.move_stock (
  bigint, text, bigint, text, text, uuid, text) to seckill_ops;

-- file: procedures/running/schedule_release.sql
-- Declarative: the schedule that stood is replaced, so that a repeat changes nothing.
-- Locks: the activity; due holds by SKIP LOCKED; the pool's slots, and those of the holds that are
--   settled; inventory (settle_short).
create or replace function seckill.schedule_release (
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_release_at timestamptz[],
  p_quantities bigint[],
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_pool_id bigint;
begin
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.validate_releases(p_release_at, p_quantities);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_result.status := 'scheduled';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.replayed := seckill_private.releases_stand(
    v_pool_id, p_release_at, p_quantities,
    seckill_private.now_at(null, array[v_pool_id], p_activity_id));
  if not v_result.replayed then
    perform seckill_private.set_releases(
      null, p_activity_id, v_pool_id, p_release_at, p_quantities, p_actor);
  end if;
  v_result.quantity := (select coalesce(sum(q), 0)::bigint from unnest(p_quantities) as q);
  v_result.total := (seckill_private.pool_balance(
    p_activity_id, v_pool_id, seckill_private.now_at(null, array[v_pool_id]))).total;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'schedule_release', p_activity_id, null,
      jsonb_build_object(
        'sku', p_sku, 'region', p_region, 'quantities', p_quantities, 'release_at',
        array(select r at time zone 'UTC' from unnest(p_release_at) as r)),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.schedule_release (
  bigint, text, text, timestamptz[], bigint[], text) is
  'Say when units of a pool are released: p_quantities[i] units at p_release_at[i] (1 to 100 of '
  'them; empty arrays: everything is released now). It replaces the schedule that stood; the units '
  'are taken from what is available, and what the old schedule kept back is available first. From '
  'its instant on a release counts as available, no job is needed; an instant that has passed '
  'releases at once. Units not yet released count in total only. status: scheduled; quantity: '
  'units scheduled; replayed where the last call asked for the same and nothing that waits was '
  'cut since. Raises SK001, SK002, SK003, SK005, SK006 (closed), SK007 (fewer are available).';
grant execute on function seckill.schedule_release (
  bigint, text, text, timestamptz[], bigint[], text) to seckill_ops;

-- file: procedures/running/expire_due.sql
-- Nothing waits for a sweeper: a hold that has ended is worth nothing, swept or not. It keeps the
-- counters close to that and the index of open holds short.
create or replace function seckill.expire_due (
  p_limit integer default 1000,
  p_actor text default null
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.optional_text('p_actor', p_actor);
  return seckill_private.expire_due_at(null, p_limit, p_actor);
end
$function$;

comment on function seckill.expire_due (integer, text) is
  'Give the units of holds that have ended back to their pools, in the books too; how many holds. '
  'p_limit: holds, 1 to 10000. Several may run at once. Raises SK001, SK005.';
grant execute on function seckill.expire_due (integer, text) to seckill_ops;

-- file: procedures/running/archive_activity.sql
-- Locks: the activity's row, against everybody who still moves something in it.
create or replace function seckill.archive_activity (
  p_activity_id bigint,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(p_activity_id, false);
  v_limit_name text := seckill_private.limit_that_counts(v_activity, clock_timestamp());
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_result.status := 'archived';
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_activity.archived_at is not null;
  if v_result.replayed then
    return v_result;
  elsif v_activity.state <> 'closed' then
    perform seckill_private.raise_error('SK006', 'the activity is ' || v_activity.state);
  elsif exists (
    select from seckill_private.reservation as r
     where (r.buyer_key >> 40) = p_activity_id and r.state = 'held'
  ) then
    perform seckill_private.raise_error('SK006', 'holds are open, or wait for expire_due');
  elsif v_limit_name is not null then
    perform seckill_private.raise_error(
      'SK006', 'the limit on all activities still counts it: ' || v_limit_name);
  end if;
  perform from seckill_private.activity as a
    where a.activity_id = p_activity_id
      for update;
  update seckill_private.activity as a
     set archived_at = clock_timestamp(),
         last_position = greatest(
           (select max(s.position)
              from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             where p.activity_id = p_activity_id),
           (select max(m.position)
              from seckill_private.movement as m
             where m.activity_id = p_activity_id))
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    'archive_activity', p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.archive_activity (bigint, text) is
  'Bring a closed activity to a standstill, so that it can be exported (export_activity) and '
  'dropped (drop_archived). From then on nothing in it changes: confirm, cancel and refund raise '
  'SK008. Reads go on until it is dropped. status: archived. Raises SK001, SK002, SK005; SK006 '
  'when it is not closed, when holds are open or not yet swept, and while a limit on all '
  'activities may count what was bought in it.';
grant execute on function seckill.archive_activity (bigint, text) to seckill_ops;

-- file: procedures/running/export_activity.sql
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

-- file: procedures/running/drop_archived.sql
-- The first call marks the activity, and from then on nobody sees it; each call deletes some rows.
-- Where it is the last of its 64, the partitions go instead.
-- Locks: the activity's row; those of seckill_private.drop_partition.
create or replace function seckill.drop_archived (
  p_activity_id bigint,
  p_limit integer default 1000,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '100ms'
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(
    p_activity_id, p_open_only => false, p_dropped_too => true);
  v_gone boolean := false;
begin
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.optional_text('p_actor', p_actor);
  if v_activity.archived_at is null then
    perform seckill_private.raise_error('SK006', 'the activity is not archived');
  end if;
  v_result.activity_id := p_activity_id;
  v_result.status := 'dropping';
  if v_activity.dropped_at is null then
    update seckill_private.activity as a
       set dropped_at = clock_timestamp()
     where a.activity_id = p_activity_id;
    update seckill_private.feed as f
       set drops = f.drops + 1,
           dropped_position = greatest(f.dropped_position, v_activity.last_position);
    delete from seckill_private.limit_version as l where l.activity_id = p_activity_id;
    delete from seckill_private.list_dimension as d where d.activity_id = p_activity_id;
    delete from seckill_private.pool_slot as s
     using seckill_private.pool as p
     where p.activity_id = p_activity_id
       and s.pool_id = p.pool_id;
    delete from seckill_private.stock_release as r
     using seckill_private.pool as p
     where p.activity_id = p_activity_id
       and r.pool_id = p.pool_id;
    delete from seckill_private.pool as p where p.activity_id = p_activity_id;
    perform seckill_private.ops_record(
      'drop_archived', p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
    v_gone := seckill_private.drop_partition(p_activity_id);
  end if;
  v_result.quantity := 0;
  if not v_gone then
    v_result.quantity := seckill_private.delete_activity(p_activity_id, p_limit);
  end if;
  if v_result.quantity = 0 then
    v_result.status := 'dropped';
  end if;
  v_result.replayed := v_activity.dropped_at is not null and v_result.quantity = 0;
  return v_result;
end
$function$;

comment on function seckill.drop_archived (bigint, integer, text) is
  'Delete an archived activity, which you have exported, a few rows a call: call it until status '
  'is dropped. p_limit: rows a call, 1 to 10000. Its id and the journal stay; every other call '
  'about it raises SK002 or SK008, and cursors of changes that have not yet passed it SK006. '
  'status: dropping, dropped; quantity: rows deleted. Raises SK001, SK002, SK005, SK006 (not '
  'archived); 55P03 when somebody was in the way: call again.';
grant execute on function seckill.drop_archived (bigint, integer, text) to seckill_ops;

-- file: procedures/reading/shard_of.sql
-- The rule itself is seckill_private.shard, which plans can inline.
create or replace function seckill.shard_of (
  p_user_id text
)
  returns integer
  language sql
  immutable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
return seckill_private.shard(p_user_id)::integer;

comment on function seckill.shard_of (text) is
  'The shard of a user, 0 to 63; null for null. It never changes.';
grant execute on function seckill.shard_of (text) to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/schema_version.sql
-- What Alembic wrote, so that a client can see whether it knows this schema.
create or replace function seckill.schema_version ()
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
return (select v.version_num from seckill_private.alembic_version as v);

comment on function seckill.schema_version () is
  'The revision of the schema, such as 0001_core.';
grant execute on function seckill.schema_version () to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/contract_version.sql
-- A revision that takes away or changes what callers rely on raises it by one; one that adds leaves
-- it (migrations/README.md).
create or replace function seckill.contract_version ()
  returns integer
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
return 1;

comment on function seckill.contract_version () is
  'The number of the contract, by which a client sees whether it knows this schema. Revisions that '
  'add leave it; one that takes something away raises it.';
grant execute on function seckill.contract_version () to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/inventory.sql
-- Units in pools are not in the inventory: nothing is counted twice.
create or replace function seckill.inventory (
  p_sku text
)
  returns seckill.inventory_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.inventory_result;
begin
  perform seckill_private.require_text('p_sku', p_sku);
  select i.quantity into v_result.quantity
    from seckill_private.inventory as i
   where i.sku = p_sku;
  v_result.status := case
    when v_result.quantity is null then 'unknown'
    when v_result.quantity = 0 then 'empty'
    else 'in_stock'
  end;
  v_result.sku := p_sku;
  v_result.quantity := coalesce(v_result.quantity, 0);
  return v_result;
end
$function$;

comment on function seckill.inventory (text) is
  'Units of a sku that are in no pool. status: in_stock, empty, unknown (never received). Units of '
  'a hold that ends after its activity was closed are no longer in the pool, and arrive with the '
  'sweep (expire_due). Raises SK001.';
grant execute on function seckill.inventory (text) to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/history.sql
-- A login of seckill_app may ask for one buyer at a time: for all of them it sees units, not
-- people. A row is an answer, too: what it tells is on disk (seckill_private.ensure_durable), which
-- takes a write only where the newest row, the first, is young.
create or replace function seckill.history (
  p_activity_id bigint,
  p_sku text default null,
  p_region text default null,
  p_user_id text default null,
  p_limit integer default 1000
)
  returns setof seckill.change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sees boolean := seckill_private.sees_buyers();
  v_named boolean := v_sees or p_user_id is not null;
  v_row seckill.change;
  v_newest timestamptz;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.optional_text('p_sku', p_sku);
  perform seckill_private.optional_text('p_region', p_region);
  perform seckill_private.optional_text('p_user_id', p_user_id);
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.load_sale(p_activity_id);
  for v_row in
    select null::text, l.at, l.kind, p_activity_id, p.sku, p.region,
           case when v_named then l.reservation_id end, case when v_named then l.user_id end,
           l.quantity, l.actor, l.login,
           case when v_sees then l.note end, l.source, l.target
      from seckill_private.ledger_of(p_activity_id) as l
      join seckill_private.pool as p on p.pool_id = l.pool_id
     where (p_sku is null or p.sku = p_sku)
       and (p_region is null or p.region = p_region)
       and (p_user_id is null or l.user_id = p_user_id)
     order by l.at desc, l.pool_id desc, l.version desc nulls first, l.reservation_id desc
     limit p_limit
  loop
    v_newest := coalesce(v_newest, v_row.at);
    return next v_row;
  end loop;
  perform seckill_private.ensure_durable(v_newest);
end
$function$;

comment on function seckill.history (bigint, text, text, text, integer) is
  'The ledger of an activity, newest first: what moved, who asked (actor, login) and why (note). '
  'Of one sku, region or user, or of all (null). p_limit: rows, 1 to 10000. A login of '
  'seckill_app that names no user sees no user_id and no reservation_id, and it never sees a '
  'note. cursor is null. Raises SK001, SK002.';
grant execute on function seckill.history (bigint, text, text, text, integer)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/stock_at.sql
-- Precedence of status: ended, not_started, paused, sold_out, on_sale.
create or replace function seckill.stock_at (
  p_activity_id bigint,
  p_sku text,
  p_at timestamptz,
  p_region text default '*'
)
  returns seckill.availability_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.availability_result;
  v_activity seckill_private.activity;
  v_pool_id bigint;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  elsif p_at is null then
    perform seckill_private.raise_error('SK001', 'p_at must not be null');
  end if;
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  v_activity := seckill_private.activity_at(
    (seckill_private.load_sale(p_activity_id)).activity, p_at);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_result := seckill_private.pool_at(
    p_activity_id, v_pool_id, p_at, v_activity.state = 'closed');
  v_result.status := seckill_private.sale_status(
    v_activity.state, v_activity.starts_at, v_activity.ends_at, p_at);
  if v_result.status = 'on_sale' and v_result.available = 0 then
    v_result.status := 'sold_out';
  end if;
  return v_result;
end
$function$;

comment on function seckill.stock_at (bigint, text, timestamptz, text) is
  'Units of (activity, sku, region) as they were at an instant, from the ledger: what '
  'seckill.availability would have answered then. Holds that had ended count as available, swept '
  'or not. status by the state and the window that the journal of the ops calls has for that '
  'instant; before the activity was made it is not_started, without units. An instant to come is '
  'answered as if nobody called until then. It reads the ledger of the activity: no call for a '
  'hot path. Raises SK001, SK002, SK003.';
grant execute on function seckill.stock_at (bigint, text, timestamptz, text)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/limit_usage_at.sql
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

-- file: procedures/reading/changes.sql
-- Nothing is skipped and nothing comes twice, although transactions commit out of order: only what
-- lies below the oldest transaction still at work is shown (seckill_private.feed_horizon), and
-- nothing can come in there any more. So a transaction left open anywhere in the cluster after it
-- wrote delays the feed, and never breaks it.
-- The horizon is read before the rows, in a statement of its own: the rows' snapshot is not older.
-- Whether rows were dropped under way is asked again after they were read.
-- What is shown is on disk: another session's commit may be visible before that
-- (seckill_private.ensure_durable).
-- A login of seckill_app sees units, not people, as in history.
-- Raises: SK001; SK006 where rows after p_after were dropped with an archived activity.
-- Locks: none; those of seckill_private.rebase_feed once after a restore.
create or replace function seckill.changes (
  p_after text default null,
  p_limit integer default 1000
)
  returns setof seckill.change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
  set enable_sort = off
as $function$
declare
  v_feed seckill_private.feed;
  v_after seckill_private.feed_place;
  v_horizon bigint;
  v_named boolean := seckill_private.sees_buyers();
begin
  perform seckill_private.require_limit(p_limit);
  select f.* into v_feed from seckill_private.feed as f;
  if v_feed.system_identifier <> (select c.system_identifier from pg_control_system() as c) then
    perform seckill_private.rebase_feed();
    select f.* into v_feed from seckill_private.feed as f;
  end if;
  v_after := seckill_private.feed_place(
    v_feed.generation, v_feed.drops, v_feed.dropped_position, p_after);
  v_horizon := seckill_private.feed_horizon();
  return query
    select seckill_private.feed_cursor(v_feed, c.place), c.at, c.kind, p.activity_id,
           p.sku, p.region, case when v_named then c.reservation_id end,
           case when v_named then c.user_id end, c.quantity, c.actor, c.login,
           case when v_named then c.note end, c.source, c.target
      from seckill_private.feed_rows(v_after, v_horizon, p_limit) as c
      join seckill_private.pool as p on p.pool_id = (c.place).pool_id
     order by c.place;
  if found then
    select f.* into v_feed from seckill_private.feed as f;
    perform seckill_private.feed_place(
      v_feed.generation, v_feed.drops, v_feed.dropped_position, p_after);
    perform seckill_private.ensure_durable(clock_timestamp());
  end if;
end
$function$;

comment on function seckill.changes (text, integer) is
  'The ledger of all activities as a feed: each row once, none skipped, within a pool in the order '
  'in which the stock moved. p_after: the cursor of the last row you have; null: from the '
  'beginning. p_limit: rows, 1 to 10000; fewer mean that you have caught up. A row is shown once '
  'every transaction that began to write before it has ended, and its commit is on disk. A login '
  'of seckill_app sees no user_id, no reservation_id and no note. Raises SK001 (also for a cursor '
  'from before a restore into another cluster), SK006 (rows after the cursor were dropped with an '
  'archived activity).';
grant execute on function seckill.changes (text, integer)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/ops_history.sql
-- A call on an activity that is unknown has no entries; that is no error here.
create or replace function seckill.ops_history (
  p_activity_id bigint default null,
  p_limit integer default 1000
)
  returns setof seckill.ops_entry
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_limit(p_limit);
  return query
    select e.at, e.actor, e.login, e.call, e.activity_id, e.arguments
      from seckill_private.ops_entry as e
     where p_activity_id is null
        or e.activity_id = p_activity_id
     order by e.entry_id desc
     limit p_limit;
end
$function$;

comment on function seckill.ops_history (bigint, integer) is
  'The journal of the calls that run a sale, newest first: of one activity, or of all (null), '
  'those on global limits and the inventory included. p_limit: rows, 1 to 10000. A call that '
  'changed nothing is not in it. Raises SK001.';
grant execute on function seckill.ops_history (bigint, integer)
   to seckill_read, seckill_app, seckill_ops;

-- file: procedures/reading/reconcile.sql
-- Stable, so all checks look at one snapshot: what they compare was committed together.
create or replace function seckill.reconcile (
  p_activity_id bigint
)
  returns setof seckill.violation
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.load_sale(p_activity_id);
  return query
    select v.* from seckill_private.check_slots(p_activity_id) as v
     union all
    select v.* from seckill_private.check_inventory(p_activity_id) as v
     union all
    select v.* from seckill_private.check_rules(p_activity_id) as v
     union all
    select v.* from seckill_private.check_limits(p_activity_id) as v
     union all
    select v.* from seckill_private.check_reservations(p_activity_id) as v;
end
$function$;

comment on function seckill.reconcile (bigint) is
  'Prove the books of an activity, while it sells too: I1 (counters), I2 (ledger), I3 (limits as '
  'they stood), I4 and I7 (each reservation resolved once, and in time). No row is the proof. '
  'Raises SK001, SK002.';
grant execute on function seckill.reconcile (bigint) to seckill_read, seckill_app, seckill_ops;

-- file: procedures/views/activity.sql
-- Tables are private and may change; this is what readers can build on.
create or replace view seckill.activity as
select a.activity_id, a.name, a.state, a.starts_at, a.ends_at, a.hold_seconds, a.time_zone,
       a.created_at, a.max_waiting
  from seckill_private.activity as a;

comment on view seckill.activity is
  'Activities and their settings. state: draft, open, paused, closed. max_waiting: '
  'seckill.set_queue_limit; null: no bound.';
grant select on seckill.activity to seckill_read, seckill_app, seckill_ops;

-- file: procedures/views/limit_rule.sql
-- What a limit was before is in seckill_private.limit_version, for reconcile.
create or replace view seckill.limit_rule as
select l.activity_id, l.name, l.dimension, l.metric, l.window_kind as "window", l.maximum, l.sku,
       l.period, l.time_zone, l.required
  from seckill_private.limit_version as l
 where l.until_revision is null;

comment on view seckill.limit_rule is
  'The limits that stand now.';
grant select on seckill.limit_rule to seckill_read, seckill_app, seckill_ops;

-- file: procedures/views/pool.sql
-- The same numbers as seckill.availability, which is also what makes them.
create or replace view seckill.pool as
select p.activity_id, p.sku, p.region, b.total, b.available, b.held, b.sold, b.epoch,
       p.slots
  from seckill_private.pool as p
 cross join lateral seckill.availability(p.activity_id, p.sku, p.region) as b;

comment on view seckill.pool is
  'Units of each pool: total = available + held + sold. slots: rows over which they are spread.';
grant select on seckill.pool to seckill_read, seckill_app, seckill_ops;

-- file: procedures/views/sale_status.sql
-- For dashboards: as many rows as activities.
create or replace view seckill.sale_status as
select a.activity_id, a.name,
       seckill_private.sale_status(a.state, a.starts_at, a.ends_at, clock_timestamp()) as status,
       a.starts_at, a.ends_at, count(p.sku) as pools, coalesce(sum(p.total), 0)::bigint as total,
       coalesce(sum(p.available), 0)::bigint as available, coalesce(sum(p.held), 0)::bigint as held,
       coalesce(sum(p.sold), 0)::bigint as sold
  from seckill_private.activity as a
  left join seckill.pool as p on p.activity_id = a.activity_id
 group by a.activity_id;

comment on view seckill.sale_status is
  'One line for each activity. status: on_sale, not_started, paused, ended; units of all its '
  'pools. One that was dropped is ended, and has no pools.';
grant select on seckill.sale_status to seckill_read, seckill_app, seckill_ops;

-- end of files

reset role;
