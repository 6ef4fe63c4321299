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
