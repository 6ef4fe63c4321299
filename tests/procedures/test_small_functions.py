"""seckill.schema_version, contract_version and shard_of."""

from __future__ import annotations

import pytest

from tests.fix_sale import one

# Shards are part of stored keys: a value that changes here would lose every reservation.
SHARDS = {"ann": 39, "bob": 32, "限购": 15, "": 39}


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_schema_version_is_the_revision(sessions, who):
    row = one(sessions[who], "select seckill.schema_version() as version")
    assert row.version == "0001_core"


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_contract_version_is_a_number(sessions, who):
    assert one(sessions[who], "select seckill.contract_version() as n").n == 1


def test_shards_never_change(reader):
    found = {
        user: one(reader, "select seckill.shard_of(p_user_id => %(user)s) as n", user=user).n
        for user in SHARDS
    }
    assert found == SHARDS


def test_shards_go_from_0_to_63_and_are_all_used(reader):
    rows = reader.execute(
        """
        select seckill.shard_of(n::text) as shard, count(*)
          from generate_series(1, 6400) as n
         group by 1
         order by 1"""
    ).fetchall()
    assert [row.shard for row in rows] == list(range(64))
    assert min(row.count for row in rows) > 50
    assert max(row.count for row in rows) < 200


def test_the_shard_of_null_is_null(reader):
    assert one(reader, "select seckill.shard_of(null) as shard").shard is None


def test_the_longest_text_has_a_shard(reader):
    row = one(reader, "select seckill.shard_of(repeat('x', 1000000)) as shard")
    assert 0 <= row.shard <= 63
