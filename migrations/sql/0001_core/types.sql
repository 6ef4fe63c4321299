-- Result types. A type cannot be replaced, only grow (alter type … add attribute), so they are
-- written by hand in the revision that brings them; functions fill them field by field.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;
set local role seckill_owner;

create type seckill.reserve_result as (
  status text,
  ordinal integer,
  reservation_id bigint,
  replayed boolean,
  state text,
  expires_at timestamptz,
  limit_name text,
  sku text,
  remaining bigint,
  epoch bigint,
  retry text,
  retry_at timestamptz,
  error_code text
);
comment on type seckill.reserve_result is
  'Answer of reserve. status: held, not_started, paused, ended, sold_out, not_eligible, '
  'limit_exceeded, busy; in a batch also error, with its SQLSTATE in error_code. '
  'ordinal: position in a batch, else 1. state: what became of the reservation (held, confirmed, '
  'cancelled, expired, refunded). limit_name: the limit that refused. sku, remaining, epoch: what is sold '
  'out, units left of it, age of that answer. remaining also: units or orders the limit would '
  'still allow. retry: final, not_yet, may_return, busy. retry_at: the earliest instant at which '
  'the answer can change by itself.';

create type seckill.resolve_result as (
  status text,
  reservation_id bigint,
  replayed boolean,
  late boolean,
  error_code text
);
comment on type seckill.resolve_result is
  'Answer of confirm, cancel and refund. status: confirmed, cancelled, expired, refunded, '
  'partly_refunded, late_sold_out, late_limit_exceeded, duplicate_payment; in a batch also error. '
  'replayed: the call had been answered before. late: the hold had ended and the units were taken '
  'again. error_code: the SQLSTATE of an error, in a batch only.';

create type seckill.availability_result as (
  status text,
  total bigint,
  available bigint,
  held bigint,
  sold bigint,
  epoch bigint
);
comment on type seckill.availability_result is
  'Units of a pool. status: on_sale, sold_out, not_started, paused, ended. Units of holds that '
  'have ended count as available. epoch: grows with every increase of available.';

create type seckill.reservation_result as (
  status text,
  reservation_id bigint,
  activity_id bigint,
  user_id text,
  request_id uuid,
  region text,
  skus text[],
  quantities integer[],
  expires_at timestamptz,
  created_at timestamptz,
  resolved_at timestamptz,
  payment_ref text
);
comment on type seckill.reservation_result is
  'A reservation. status: held, confirmed, cancelled, expired, refunded. skus and quantities '
  '(units) are parallel, sorted by sku; once a part was refunded, what remains; once all was, what '
  'had been bought. resolved_at: when it was confirmed, cancelled or refunded in full, or expires_at '
  'where it expired.';

create type seckill.ops_result as (
  status text,
  replayed boolean,
  activity_id bigint,
  sku text,
  region text,
  quantity bigint,
  total bigint
);
comment on type seckill.ops_result is
  'Answer of the calls that run a sale. status: the activity''s state (draft, open, paused, '
  'closed), or received, allocated, moved, scheduled, set, dropped, required, added, removed, '
  'blocked, unblocked, archived, dropping. replayed: nothing was changed, '
  'because it had been done before. quantity: units moved (negative: out of the pool or inventory), '
  'or rows deleted. total: units in the pool, or in the inventory for receive_stock.';

create type seckill.change as (
  cursor text,
  at timestamptz,
  kind text,
  activity_id bigint,
  sku text,
  region text,
  reservation_id bigint,
  user_id text,
  quantity bigint,
  actor text,
  login text,
  note text,
  source text,
  target text
);
comment on type seckill.change is
  'One line of the ledger. kind: allocate, hold, confirm, cancel, expire, late_confirm, refund, '
  'write_off (refunded and not put back), revoke (a hold that a cut cancelled), raise, cut, drain '
  '(units that came back and pay for an earlier cut), move, level (between the slots of a pool), '
  'schedule, release, close; without a movement of units late_sold_out, late_limit_exceeded, '
  'duplicate_payment, debt (units that a cut still waits for), debt_dropped. quantity: units. actor: who asked, else the database login; null '
  'for a hold, whose user asked. login: the database login, null for a hold. note: why (a reason, a '
  'payment, a request id). source, target: the accounts of the pool between which the units went '
  '(inventory, available, held, sold, unreleased, written_off); null where none moved. cursor: what '
  'changes goes on after; null in history.';

create type seckill.violation as (
  invariant text,
  subject text,
  expected text,
  actual text
);
comment on type seckill.violation is
  'A disagreement in the books. invariant: I1 to I4 and I7. subject: where. expected: what the '
  'ledger or the rule says. actual: what stands there.';

create type seckill.check_result as (
  status text,
  check_name text,
  limit_name text,
  dimension text,
  used bigint,
  maximum bigint,
  remaining bigint,
  resets_at timestamptz,
  retry text
);
comment on type seckill.check_result is
  'One check of a purchase. status: pass, fail. check_name: replay, sale, stock, blocked, eligible, '
  'limit. limit_name, dimension: of the limit or list. used, maximum, remaining: of a limit, in '
  'units or orders; of the stock, units held or sold, in total, and available. resets_at: when the '
  'window turns over, or when the answer can first change by itself. retry, of a failed check: '
  'final, not_yet, may_return.';

create type seckill.ops_entry as (
  at timestamptz,
  actor text,
  login text,
  call text,
  activity_id bigint,
  arguments jsonb
);
comment on type seckill.ops_entry is
  'An ops call as the journal has it. actor: who asked, as the caller named it. login: the '
  'database login that called. arguments: what was asked for.';

create type seckill.archived_row as (
  cursor text,
  data jsonb
);
comment on type seckill.archived_row is
  'A row of an archived activity. cursor: where export_activity goes on. data: its columns; instants '
  'in UTC.';

create type seckill.inventory_result as (
  status text,
  sku text,
  quantity bigint
);
comment on type seckill.inventory_result is
  'Units of a sku that are in no pool. status: in_stock, empty, unknown (never received).';

-- Private types: what functions hand to each other.

create type seckill_private.unit_line as (
  pool_id bigint,
  slot smallint,
  quantity bigint,
  reservation_id bigint,
  user_id text
);
comment on type seckill_private.unit_line is 'Units that move, and whose they are.';

create type seckill_private.sale as (
  activity seckill_private.activity,
  limits seckill_private.limit_version[],
  limits_revision bigint,
  lists seckill_private.list_dimension[]
);
comment on type seckill_private.sale is
  'An activity, the limits that apply in it and its lists, read in one snapshot.';

create type seckill_private.line_look as (
  state text,
  starts_at timestamptz,
  ends_at timestamptz,
  hold_seconds integer,
  max_waiting integer,
  newcomer_units bigint,
  limits_revision bigint,
  pool_id bigint,
  slot_rows integer,
  available bigint,
  held bigint,
  epoch bigint,
  next_expiry timestamptz,
  next_release timestamptz,
  seen_at timestamptz,
  is_known boolean
);
comment on type seckill_private.line_look is
  'What a purchase of one sku starts from. The counters of all slots together, as they stand: '
  'holds that have ended and releases that are due are not in them yet.';

create type seckill_private.taken as (
  slots smallint[],
  versions bigint[],
  position bigint
);
comment on type seckill_private.taken is
  'Units that an order took: the slot and the version of each line''s movement, and the position '
  'of the hold in the feed.';

create type seckill_private.request as (
  ordinal integer,
  activity_id bigint,
  user_id text,
  sku text,
  quantity integer,
  request_id uuid,
  region text,
  digests bytea[],
  error_code text,
  pool_id bigint
);
comment on type seckill_private.request is
  'A request of a batch. error_code: why it is none.';

create type seckill_private.check as (
  answer text,
  check_name text,
  limit_name text,
  dimension text,
  sku text,
  used bigint,
  maximum bigint,
  remaining bigint,
  epoch bigint,
  resets_at timestamptz,
  retry text,
  retry_at timestamptz,
  seen_at timestamptz
);
comment on type seckill_private.check is
  'One check of a purchase. answer: the status that reserve gives where it fails, else null. '
  'seen_at: the latest instant at which something was done for the subject of a limit.';

create type seckill_private.feed_place as (
  position bigint,
  pool_id bigint,
  slot smallint,
  version bigint,
  event_id bigint
);
comment on type seckill_private.feed_place is
  'A place in the feed; the order of the fields is the order of the rows. An event has the highest '
  'version and its movement_id, a movement has event_id 0.';

create type seckill_private.limit_use as (
  used bigint,
  unpaid bigint,
  first_expiry timestamptz,
  leaves_at timestamptz,
  seen_at timestamptz
);
comment on type seckill_private.limit_use is
  'Use of a limit by one subject in a window. unpaid: what of it are open holds; first_expiry: when '
  'the first of them ends. leaves_at: when enough of it has left a rolling window. seen_at: the '
  'latest instant at which something was done for the subject.';

reset role;
