-- The role that the session acts as: inside a definer function current_user is the owner.
create or replace function seckill_private.sees_buyers ()
  returns boolean
  language sql
  stable
return (select pg_has_role(c.role, 'seckill_read', 'usage')
               or pg_has_role(c.role, 'seckill_ops', 'usage')
          from (select coalesce(
                         nullif(current_setting('role'), 'none'), session_user::text)::name as role
               ) as c);

comment on function seckill_private.sees_buyers () is
  'Whether the caller may see who bought: a member of seckill_read or seckill_ops.';
