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
