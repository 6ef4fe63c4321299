-- Reservations keep the user himself; only lists of subjects keep digests of users.
create or replace function seckill_private.user_digest (
  p_user_id text
)
  returns bytea
  language sql
  stable
begin atomic
  select seckill_private.subject_digest(s.salt, 'user', p_user_id)
    from seckill_private.secret as s;
end;

comment on function seckill_private.user_digest (text) is
  'The digest of a user, as the lists of subjects have it.';
