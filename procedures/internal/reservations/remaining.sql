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
