-- Roles, schemas, tables. What is here is written by hand, once; functions.sql beside it is frozen
-- from procedures/. Table and column rules: migrations/README.md.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;

-- Roles are created where they are missing (needs CREATEROLE); roles made beforehand are taken as
-- they are. They are never dropped: they belong to the cluster, not to this database.
do $do$
declare
  v_role text;
begin
  foreach v_role in array array['seckill_owner', 'seckill_app', 'seckill_ops', 'seckill_read'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute pg_catalog.format('create role %I nologin', v_role);
    end if;
  end loop;
  if not pg_catalog.pg_has_role('seckill_ops', 'seckill_app', 'member') then
    grant seckill_app to seckill_ops;
  end if;
  -- PostgreSQL 16 gives the creator of a role the right to administer it, not to become it.
  begin
    set local role seckill_owner;
    reset role;
  exception when insufficient_privilege then
    execute pg_catalog.format('grant seckill_owner to %I', current_user);
  end;
end
$do$;

create schema seckill authorization seckill_owner;
alter schema seckill_private owner to seckill_owner;
alter table seckill_private.alembic_version owner to seckill_owner;

-- The form without "in schema" is the one that works: PUBLIC's right to execute is a global
-- default.
alter default privileges for role seckill_owner revoke execute on functions from public;

-- A temporary table is a table in a schema that is searched first. Nobody needs one here.
do $do$
begin
  execute pg_catalog.format('revoke temporary on database %I from public', current_database());
end
$do$;

set local role seckill_owner;

grant usage on schema seckill to seckill_app, seckill_ops, seckill_read;
comment on schema seckill is 'Public: functions, result types and views of Seckill.';
comment on schema seckill_private is 'Private: tables and internals of Seckill; not an interface.';

-- One row: 32 random bytes that make the digests of subjects useless outside this database.
create table seckill_private.secret (
  only_row boolean primary key default true constraint secret_is_one_row check (only_row),
  salt bytea not null constraint secret_salt_length check (length(salt) = 32)
);
comment on table seckill_private.secret is
  'The salt of the subject digests. It stands in dumps: digests are pseudonymous.';
insert into seckill_private.secret (salt)
select sha256(
         uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
         || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Checks of one column of a hot table are domains: their plans are kept, while the check constraints
-- of a table are read from their text and planned anew by every statement that writes it.
create domain seckill_private.units as bigint constraint units_not_negative check (value >= 0);
comment on domain seckill_private.units is 'A number of units; never below zero.';
create domain seckill_private.reservation_state as text constraint reservation_state_known check (
  value in ('held', 'confirmed', 'cancelled', 'expired', 'refunded'));
comment on domain seckill_private.reservation_state is 'What a reservation is.';
create domain seckill_private.late_status as text constraint late_status_known check (
  value in ('confirmed', 'late_sold_out', 'late_limit_exceeded'));
comment on domain seckill_private.late_status is 'What the payment of a hold that had ended got.';

-- 23 bits of activity stand in front of every hot key (seckill_private.buyer_key), hence the bound.
create table seckill_private.activity (
  activity_id bigint generated always as identity (maxvalue 8388543) primary key,
  name text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  hold_seconds integer not null,
  time_zone text not null,
  state text not null default 'draft',
  created_at timestamptz not null,
  closed_at timestamptz,
  archived_at timestamptz,
  last_position bigint,
  dropped_at timestamptz,
  max_waiting integer,
  newcomer_units bigint not null default 9223372036854775807,
  constraint activity_window check (starts_at < ends_at),
  constraint activity_hold check (hold_seconds > 0),
  constraint activity_state check (state in ('draft', 'open', 'paused', 'closed')),
  constraint activity_max_waiting check (max_waiting between 0 and 1000)
);
comment on table seckill_private.activity is 'One sale.';
comment on column seckill_private.activity.max_waiting is
  'Callers that may wait for one of its pools (seckill_private.enter_queue); null: no bound.';
comment on column seckill_private.activity.newcomer_units is
  'Units that a user who has no reservation in it may order with no look at its limits and lists; '
  '0: look (seckill_private.newcomer_units).';
comment on column seckill_private.activity.archived_at is
  'From here on nothing in it changes: it can be exported.';
comment on column seckill_private.activity.last_position is
  'Where its last row stands in the feed, once it is archived.';
comment on column seckill_private.activity.dropped_at is
  'Its rows were given up to be deleted; only this one and the journal are kept.';

create table seckill_private.pool (
  pool_id bigint generated always as identity primary key,
  activity_id bigint not null references seckill_private.activity,
  sku text not null,
  region text not null,
  slots smallint not null default 1,
  slot_rows smallint not null default 1,
  constraint pool_is_unique unique (activity_id, sku, region)
);
comment on table seckill_private.pool is
  'The stock of (activity, sku, region); its counters are in pool_slot.';
comment on column seckill_private.pool.slots is
  'Rows over which its units are spread: slots from 0 on.';
comment on column seckill_private.pool.slot_rows is
  'Rows that it has: as many as slots, or more, of earlier times.';

-- The hot row. No index but the key, half-empty pages: every update is HOT.
create table seckill_private.pool_slot (
  pool_id bigint not null,
  slot smallint not null,
  shard smallint not null,
  total bigint not null default 0,
  available seckill_private.units not null default 0,
  held seckill_private.units not null default 0,
  sold seckill_private.units not null default 0,
  unreleased seckill_private.units not null default 0,
  owed seckill_private.units not null default 0,
  version bigint not null default 0,
  position bigint not null default 0,
  position_base bigint not null default 0,
  epoch bigint not null default 0,
  next_expiry timestamptz not null default 'infinity',
  next_release timestamptz not null default 'infinity',
  seen_at timestamptz not null default '-infinity',
  closed boolean not null default false,
  primary key (pool_id, slot, shard),
  constraint pool_slot_total check (total = available + held + sold + unreleased)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
comment on table seckill_private.pool_slot is
  'A share of a pool: the counters that a purchase moves.';
comment on column seckill_private.pool_slot.unreleased is
  'Units of a later release (seckill_private.stock_release): in total, and in no other counter.';
comment on column seckill_private.pool_slot.owed is
  'Units that were cut while they were held or sold: what comes back pays this debt first. The '
  'ledger has it too: events debt and debt_dropped, movements drain.';
comment on column seckill_private.pool_slot.version is
  'Counts the movements of the row; the books replay in this order.';
comment on column seckill_private.pool_slot.position is
  'Where the last movement of the row stands in the feed (seckill_private.next_position).';
comment on column seckill_private.pool_slot.position_base is
  'What is added to transaction ids, so that positions go on growing in a restored database: that of '
  'seckill_private.feed.';
comment on column seckill_private.pool_slot.epoch is
  'Counts the increases of available; a sold-out flag of an older epoch is stale.';
comment on column seckill_private.pool_slot.next_expiry is
  'No open hold on this row ends before this instant (a lower bound).';
comment on column seckill_private.pool_slot.next_release is
  'No release of this row is due before this instant (a lower bound).';
comment on column seckill_private.pool_slot.seen_at is
  'The latest instant at which the row was moved; time does not run back behind it.';
comment on column seckill_private.pool_slot.closed is
  'The activity is closed: what comes back goes on to the inventory.';

-- A staged release: from release_at on the units count as available, moved or not.
create table seckill_private.stock_release (
  pool_id bigint not null references seckill_private.pool,
  release_at timestamptz not null,
  quantity bigint not null,
  primary key (pool_id, release_at),
  constraint stock_release_quantity check (quantity > 0)
);
comment on table seckill_private.stock_release is
  'Units of a pool that are not yet released, and when they are. A release that was moved to '
  'available is deleted here; the ledger keeps it.';

-- One row per reservation, which is also the ledger row of its hold (available -> held).
-- buyer_key = activity << 40 | 40 bits of the user's hash: one probe finds what a user did in an
-- activity, the rows of an activity are one range, and that range can be cut off when it is over.
create table seckill_private.reservation (
  buyer_key bigint not null,
  request_id uuid not null,
  shard smallint not null,
  reservation_id bigint not null,
  user_id text not null,
  state seckill_private.reservation_state not null,
  late_status seckill_private.late_status,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  resolved_at timestamptz,
  limits_revision bigint not null,
  position bigint not null,
  pool_ids bigint[] not null,
  slots smallint[] not null,
  quantities integer[] not null,
  versions bigint[] not null,
  refunded integer[],
  restored integer[],
  refunded_at timestamptz,
  subjects bytea[],
  payment_ref text,
  primary key (buyer_key, request_id, shard),
  constraint reservation_resolved check ((state = 'held') = (resolved_at is null))
) partition by range (buyer_key);
create index reservation_due on seckill_private.reservation ((buyer_key >> 40), expires_at)
 where state = 'held';
-- Who shares a phone with whom: for limits on other dimensions, which count what was bought before
-- they were set. Rows without subjects are not in it.
create index reservation_subjects on seckill_private.reservation using gin (subjects)
  with (fastupdate = off) where subjects is not null;
create index reservation_position on seckill_private.reservation (position);
comment on table seckill_private.reservation is
  'Reservations. pool_ids, slots, quantities and versions are parallel: where the units came from, '
  'and which movement of the slot took them; refunded and restored (null: none) are parallel too: '
  'units of each line that were refunded, and that were given back to the limits.';
comment on column seckill_private.reservation.position is
  'Where the hold stands in the feed: that of each of its slots when the units were taken.';
comment on column seckill_private.reservation.subjects is
  'Salted digests of the subjects the request carried, for limits set later.';
comment on column seckill_private.reservation.late_status is
  'The final answer to a payment that came after the hold had ended.';
comment on column seckill_private.reservation.refunded_at is
  'When units were refunded last; resolved_at stays when it was confirmed.';

create sequence seckill_private.reservation_number maxvalue 68719476735 cycle;
comment on sequence seckill_private.reservation_number is
  'The lower 36 bits of a reservation id (seckill_private.next_reservation_id).';

create sequence seckill_private.movement_number;
-- The ledger: every movement of units after the hold, as double entry, and events that move none.
-- Append-only: no login role may touch it, no function updates it, and only delete_activity deletes,
-- of a sale that was archived.
create table seckill_private.movement (
  activity_id bigint not null,
  movement_id bigint not null default nextval('seckill_private.movement_number'),
  shard smallint not null,
  pool_id bigint not null,
  slot smallint not null,
  version bigint,
  position bigint not null,
  kind text not null,
  source text,
  target text,
  quantity bigint not null,
  reservation_id bigint,
  user_id text,
  at timestamptz not null,
  actor text,
  login text not null default session_user,
  note text,
  primary key (activity_id, movement_id, shard),
  constraint movement_source check (
    source in ('inventory', 'available', 'held', 'sold', 'unreleased')),
  constraint movement_target check (
    target in ('inventory', 'available', 'held', 'sold', 'unreleased', 'written_off')),
  constraint movement_moves_or_tells check (
    (source is null) = (target is null) and (source is null) = (version is null)
    and (source is null or source <> target)),
  constraint movement_quantity check (quantity > 0)
) partition by range (activity_id);
create index movement_reservation on seckill_private.movement (reservation_id)
 where reservation_id is not null;
create index movement_position on seckill_private.movement (position);
comment on table seckill_private.movement is
  'The ledger: quantity units went from source to target. Rows without source are events, such as '
  'a payment that came too late.';

-- What each refund took back: the answer that a repeat of its request id gets again, and when units
-- were given back to the limits. Numbered within a reservation, whose lock its writers hold.
create table seckill_private.refund (
  activity_id bigint not null,
  reservation_id bigint not null,
  ordinal integer not null,
  shard smallint not null,
  request_id uuid,
  at timestamptz not null,
  status text not null,
  restock boolean not null,
  restore_limits boolean not null,
  asked_skus text[],
  asked_quantities integer[],
  quantities integer[] not null,
  primary key (activity_id, reservation_id, ordinal, shard),
  constraint refund_request unique (activity_id, reservation_id, request_id, shard),
  constraint refund_status check (status in ('refunded', 'partly_refunded'))
) partition by range (activity_id);
comment on table seckill_private.refund is
  'Refunds of reservations. quantities: units of each line, parallel to the reservation''s; asked_…: '
  'the lines that the caller named (null: all that remained).';

-- One row: which history the cursors of the feed belong to.
create table seckill_private.feed (
  only_row boolean primary key default true constraint feed_is_one_row check (only_row),
  generation text not null,
  system_identifier bigint not null,
  position_base bigint not null,
  drops integer not null,
  dropped_position bigint not null
);
comment on table seckill_private.feed is
  'The feed of the ledger. generation: stands in each cursor, and changes where positions had to '
  'start anew. system_identifier: the cluster whose transaction ids the positions are made of. '
  'position_base: added to them. drops: how many archived activities were dropped, a number that '
  'stands in each cursor, too. dropped_position: no row above it was ever dropped.';
insert into seckill_private.feed (
  generation, system_identifier, position_base, drops, dropped_position)
select left(gen_random_uuid()::text, 8), c.system_identifier, 0, 0, 0
  from pg_control_system() as c;

-- The real stock, and its ledger: a row's balance is the sum of its entries.
create table seckill_private.inventory (
  sku text primary key,
  quantity bigint not null,
  version bigint not null default 0,
  constraint inventory_quantity check (quantity >= 0)
);
comment on table seckill_private.inventory is
  'The real number of units per sku that are in no pool.';

create table seckill_private.inventory_movement (
  sku text not null,
  version bigint not null,
  kind text not null,
  delta bigint not null,
  pool_id bigint,
  at timestamptz not null,
  actor text,
  login text not null default session_user,
  note text,
  primary key (sku, version),
  constraint inventory_movement_delta check (delta <> 0)
);
comment on table seckill_private.inventory_movement is
  'The ledger of the inventory; pool_id where units went to a pool or came back.';

-- Counts the changes of all limits. A reservation records it, so that the books can tell which
-- limits stood at the purchase, whatever the clock said.
create table seckill_private.limits_revision (
  only_row boolean primary key default true constraint limits_revision_is_one_row check (only_row),
  revision bigint not null,
  global_limits bigint not null default 0
);
comment on table seckill_private.limits_revision is 'How often the limits have changed.';
comment on column seckill_private.limits_revision.global_limits is
  'Limits on all activities that stand now.';
insert into seckill_private.limits_revision (revision) values (0);

-- A limit as it stood over the revisions [since_revision, until_revision).
create table seckill_private.limit_version (
  activity_id bigint references seckill_private.activity,
  name text not null,
  since_revision bigint not null,
  until_revision bigint,
  dimension text not null,
  metric text not null,
  window_kind text not null,
  maximum bigint not null,
  sku text,
  period interval,
  time_zone text,
  required boolean not null,
  constraint limit_version_key unique nulls not distinct (activity_id, name, since_revision),
  constraint limit_version_maximum check (maximum > 0),
  constraint limit_version_interval check (since_revision < until_revision)
);
create unique index limit_version_current
    on seckill_private.limit_version (activity_id, name collate "C")
 nulls not distinct where until_revision is null;
comment on table seckill_private.limit_version is
  'Limits and what they were before: a purchase is judged by the limits of the revision it '
  'recorded. A null activity means all of them.';

-- Lists of subjects (eligible, blocked). Which dimensions have one is a row of its own, so that a
-- sale without lists pays nothing.
create table seckill_private.list_dimension (
  activity_id bigint not null references seckill_private.activity,
  dimension text not null,
  required boolean not null default false,
  blocking boolean not null default false,
  primary key (activity_id, dimension)
);
comment on table seckill_private.list_dimension is
  'Dimensions with lists. required: who buys must be on the list of eligible subjects. blocking: '
  'subjects were blocked.';

create table seckill_private.listed_subject (
  activity_id bigint not null,
  list text not null,
  subject bytea not null,
  primary key (activity_id, list, subject),
  constraint listed_subject_list check (list in ('eligible', 'blocked'))
);
comment on table seckill_private.listed_subject is
  'Subjects on the lists of an activity, as salted digests, users too.';

-- The journal of the ops calls: who asked for what, and the answer that a repeat gets again.
create table seckill_private.ops_entry (
  entry_id bigint generated always as identity primary key,
  at timestamptz not null,
  call text not null,
  activity_id bigint,
  request_id uuid,
  arguments jsonb not null,
  answer jsonb not null,
  actor text,
  login text not null default session_user,
  constraint ops_entry_request unique (request_id)
);
create index ops_entry_activity on seckill_private.ops_entry (activity_id, entry_id);
comment on table seckill_private.ops_entry is 'The journal of the ops calls.';

reset role;
