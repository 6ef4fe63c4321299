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
