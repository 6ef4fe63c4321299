-- A session's synchronous_commit = off leaks through a pooler to whoever comes next. An answer must
-- not rest on a commit that is not on disk, here and on a synchronous standby, so it is raised for
-- this transaction.
create or replace function seckill_private.commit_durably ()
  returns text
  language sql
  volatile
return case
  when current_setting('synchronous_commit') not in ('on', 'remote_apply')
    then set_config('synchronous_commit', 'on', true)
end;

comment on function seckill_private.commit_durably () is
  'Make this transaction''s commit wait for the disk, whatever the session says.';
