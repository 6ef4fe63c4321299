-- Quantity first: it is wrong more often than the name of what is bought.
create or replace function seckill_private.fault_in_line (
  p_sku text,
  p_quantity integer
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when coalesce(p_quantity, 0) <= 0
    then 'p_quantity must be positive, is ' || coalesce(p_quantity::text, 'null')
  else seckill_private.fault_in_text('p_sku', p_sku)
end;

comment on function seckill_private.fault_in_line (text, integer) is
  'What is wrong with a line of a purchase, or null.';
