-- Units of the lines of a reservation, line by line. Null stands for none.
create or replace function seckill_private.added (
  p_units integer[],
  p_more integer[]
)
  returns integer[]
  language sql
  immutable
  parallel safe
return (select array_agg(coalesce(u.units, 0) + coalesce(u.more, 0) order by u.line)
          from unnest(p_units, p_more) with ordinality as u (units, more, line));

comment on function seckill_private.added (integer[], integer[]) is
  'The sum of two parallel arrays of units; an array that is null, or too short, adds nothing.';
