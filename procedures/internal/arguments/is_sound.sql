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
