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
