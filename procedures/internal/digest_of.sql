-- A digest begins with its dimension's tag (subject_digest).
create or replace function seckill_private.digest_of (
  p_digests bytea[],
  p_dimension text
)
  returns bytea
  language sql
  stable
  parallel safe
begin atomic
  select d.digest
    from unnest(p_digests) as d (digest)
   where substr(d.digest, 1, 4) = seckill_private.dimension_tag(p_dimension)
   limit 1;
end;

comment on function seckill_private.digest_of (bytea[], text) is
  'The digest of a dimension among those of a request; null where it carries none.';
