-- Answers: not_eligible for a subject that is blocked, and for one that is not on a list which the
-- activity requires, or that the request does not name. An emptied list therefore closes the sale.
create or replace function seckill_private.list_checks (
  p_sale seckill_private.sale,
  p_user_id text,
  p_digests bytea[]
)
  returns setof seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_list text;
  v_dimension seckill_private.list_dimension;
  v_check seckill_private.check;
  v_digest bytea;
  v_listed boolean;
begin
  foreach v_list in array array['blocked', 'eligible'] loop
    foreach v_dimension in array coalesce(p_sale.lists, '{}') loop
      continue when not case v_list
        when 'blocked' then v_dimension.blocking else v_dimension.required
      end;
      v_digest := case v_dimension.dimension
        when 'user' then seckill_private.user_digest(p_user_id)
        else seckill_private.digest_of(p_digests, v_dimension.dimension)
      end;
      v_listed := exists (
        select from seckill_private.listed_subject as l
         where l.activity_id = v_dimension.activity_id
           and l.list = v_list
           and l.subject = v_digest);
      v_check := null;
      v_check.check_name := v_list;
      v_check.dimension := v_dimension.dimension;
      if v_listed = (v_list = 'blocked') then
        v_check.answer := 'not_eligible';
        v_check.retry := 'final';
      end if;
      return next v_check;
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.list_checks (seckill_private.sale, text, bytea[]) is
  'Whether the subjects of a request are on no list that blocks and on every list that is '
  'required.';
