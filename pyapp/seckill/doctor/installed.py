"""Checks of what is installed: the revision, every definition, every grant."""

from __future__ import annotations

import re

from seckill._contract import KNOWN
from seckill.doctor import catalog
from seckill.doctor.context import UPGRADE, Context, Finding, psql, row


def revision(context: Context) -> Finding:
    """The database is at the head of this release."""
    found, head = context.revision(), catalog.expected().revision
    if found == head:
        return Finding("ok", f"at {head}, the head of this release")
    if found is None:
        return Finding("fail", "Seckill is not installed in this database", "seckill migrate")
    if _number(found) < _number(head):
        return Finding("fail", f"at {found}, older than this release's {head}", "seckill migrate")
    newer = f"at {found}, newer than this release's {head}"
    contract = context.contract()
    if contract in KNOWN:
        return Finding("warn", f"{newer}; clients of this release go on working", UPGRADE)
    return Finding("fail", f"{newer}, with contract {contract}, which it does not know", UPGRADE)


def _number(name: str) -> int:
    digits = re.match(r"\d+", name)
    return int(digits[0]) if digits else 0


def drift(context: Context) -> Finding:
    """Functions and views are, to the letter, those that this release installs."""
    wanted = context.expected()
    found = catalog.definitions(context.catalogue())
    difference = catalog.compare(wanted.definitions, found)
    details = [
        *(f"changed: {name}" for name in difference.changed),
        *(f"missing: {name}" for name in difference.missing),
        *(f"not ours: {name}" for name in difference.extra),
    ]
    if not details:
        return Finding("ok", f"{len(found)} functions and views are as installed")
    if difference.changed or difference.missing:
        fix = "seckill migrate --repair"
    else:
        fix = psql(*(f"drop {name}" for name in difference.extra))
    counts = {
        "changed": len(difference.changed),
        "missing": len(difference.missing),
        "not ours": len(difference.extra),
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return Finding("fail", f"functions and views differ from this release: {said}", fix, details)


def grants(context: Context) -> Finding:
    """The groups have their functions and views, and nobody has anything beyond that."""
    wanted = context.expected().grants
    link = context.catalogue()
    found, strangers = catalog.grants(link), catalog.strangers(link)
    revokes = [f"revoke {right} from {role}" for right, role in sorted(found - wanted)]
    gives = [f"grant {right} to {role}" for right, role in sorted(wanted - found)]
    owners = [f"alter {name} owner to {catalog.OWNER}" for name in strangers]
    default = row(
        link,
        """
        select exists (select from pg_default_acl as d, aclexplode(d.defaclacl) as a
                        where d.defaclrole = 'seckill_owner'::regrole and d.defaclnamespace = 0
                          and d.defaclobjtype = 'f')
           and not exists (select from pg_default_acl as d, aclexplode(d.defaclacl) as a
                            where d.defaclrole = 'seckill_owner'::regrole
                              and d.defaclobjtype = 'f' and a.grantee = 0)""",
    )[0]
    later = [
        f"alter default privileges for role {catalog.OWNER} revoke execute on functions from public"
    ]
    statements = [*revokes, *gives, *owners, *([] if default else later)]
    if not statements:
        return Finding("ok", f"{len(found)} grants are as installed, PUBLIC has none")
    details = [
        *(f"too much: {role} has {right}" for right, role in sorted(found - wanted)),
        *(f"missing: {role} lacks {right}" for right, role in sorted(wanted - found)),
        *(f"owner: {name} belongs to {owner}" for name, owner in strangers.items()),
        *([] if default else ["functions made later would be open to PUBLIC"]),
    ]
    return Finding("fail", f"{len(details)} grants differ", psql(*statements), details)


def roles(context: Context) -> Finding:
    """The group roles have no powers of their own, and no way around the functions."""
    context.expected()
    rows = context.catalogue().execute(
        """
        select r.rolname::text,
               array_remove(array[
                 case when r.rolsuper then 'superuser' end,
                 case when r.rolcanlogin then 'login' end,
                 case when r.rolcreaterole then 'createrole' end,
                 case when r.rolcreatedb then 'createdb' end,
                 case when r.rolreplication then 'replication' end,
                 case when r.rolbypassrls then 'bypassrls' end], null),
               array_remove(array[
                 case when has_database_privilege(r.oid, d.oid, 'create') then 'create' end,
                 case when has_database_privilege(r.oid, d.oid, 'temporary')
                      then 'temporary' end], null),
               quote_ident(d.datname),
               pg_has_role(r.oid, 'seckill_owner', 'member')
          from pg_roles as r, pg_database as d
         where r.rolname in ('seckill_app', 'seckill_ops', 'seckill_read')
           and d.datname = current_database()
         order by 1"""
    )
    details: list[str] = []
    statements: list[str] = []
    wide: list[tuple[str, str]] = []
    for name, powers, rights, database, owner in rows:
        details += [f"{name} has {power}" for power in powers]
        statements += [f"alter role {name} no{power}" for power in powers]
        details += [f"{name} has {right} on database {database}" for right in rights]
        wide += [(right, database) for right in rights]
        if owner:
            details.append(f"{name} is a member of {catalog.OWNER}")
            statements.append(f"revoke {catalog.OWNER} from {name}")
    statements += [
        f"revoke {right} on database {database} from public, {', '.join(catalog.GROUPS)}"
        for right, database in dict.fromkeys(wide)
    ]
    if not details:
        return Finding("ok", "the groups have no powers beyond their grants")
    # Temporary objects of a caller shadow nothing of ours: every function pins its search_path.
    mild = all(" has temporary " in line for line in details)
    return Finding(
        "warn" if mild else "fail",
        f"the groups may do more than they need: {details[0]}",
        psql(*statements),
        details,
    )
