-- A narrow key that starts with the activity: its rows lie together, new ones beside each other,
-- and an old activity can be cut off. Two users of one activity may share a key (40 bits), so
-- whoever probes by it compares user_id too.
create or replace function seckill_private.buyer_key (
  p_activity_id bigint,
  p_user_id text
)
  returns bigint
  language sql
  immutable
  parallel safe
return (p_activity_id << 40)
       | (hashtextextended(p_user_id collate "C", 0) & 1099511627775);

comment on function seckill_private.buyer_key (bigint, text) is
  'activity << 40 | 40 bits of the user''s hash: the key of all that a user did in an activity.';
