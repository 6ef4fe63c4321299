-- What others would do, for `seckill bench`: the floor (one durable row for each buyer) and the
-- textbook transaction. Dropped at its end.
drop schema if exists seckill_bench cascade;
create schema seckill_bench;

create table seckill_bench.plain (
  id bigint generated always as identity primary key,
  user_id text not null,
  sku text not null,
  request_id uuid not null,
  created_at timestamptz not null default clock_timestamp()
);

create table seckill_bench.stock (
  sku text primary key,
  available bigint not null check (available >= 0)
) with (fillfactor = 50);
insert into seckill_bench.stock (sku, available)
values ('seckill-bench', 1000000000), ('seckill-bench-2', 1000000000),
  ('seckill-bench-3', 1000000000);

create table seckill_bench.bought (
  user_id text not null,
  sku text not null,
  request_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (user_id, sku)
);
