"""Known-bad variants of the feed and of the archive (catalogue.py)."""

from __future__ import annotations

from tests.concurrency import checks_archive, checks_feed
from tests.mutation.planting import Edit, Mutation

XMIN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
XID = "pg_current_xact_id()::text::bigint"
MICROSECONDS = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

FEED = [
    Mutation(
        "a feed that does not wait for who is still at work",
        (Edit("feed_horizon", XMIN, XMIN.replace("xmin", "xmax")),),
        caught_by=checks_feed.slow_writer_is_waited_for,
        symptom="missed 1 rows of 2",
    ),
    Mutation(
        "a feed in the order of time",
        (Edit("next_position", XID, MICROSECONDS), Edit("feed_horizon", XMIN, MICROSECONDS)),
        caught_by=checks_feed.slow_writer_is_waited_for,
        symptom="missed 1 rows of 2",
    ),
    Mutation(
        "a feed in the order of transaction ids alone",
        (Edit("next_position", f"greatest(p_position, p_base + {XID})", f"p_base + {XID}"),),
        caught_by=checks_feed.pool_keeps_its_order,
        symptom="not in the order in which the stock moved",
    ),
    Mutation(
        "a feed that shows what is not on disk",
        (Edit("changes", "  if found then\n", "  if false then\n"),),
        caught_by=checks_feed.feed_is_durable,
        symptom="shows what is not on disk",
    ),
    Mutation(
        "a page that ends within the rows of one transaction",
        (
            Edit(
                "feed_rows",
                "with ties\n    ), other",
                "only\n    ), other",
            ),
        ),
        caught_by=checks_feed.one_transaction_over_pages,
        symptom="missed 1 rows of 3",
    ),
    Mutation(
        "an archived sale that somebody is still writing in",
        (Edit("refuse_archived", "\n     for key share;", ";"),),
        caught_by=checks_archive.archive_beside_payment,
        symptom="the second did not wait",
    ),
    Mutation(
        "a standstill that waits for nobody",
        (Edit("archive_activity", "\n      for update;", ";"),),
        caught_by=checks_archive.archive_beside_payment,
        symptom="the second did not wait",
    ),
    Mutation(
        "a reservation listed without its pools",
        (Edit("list_reservations", "where f.region is not null", "where true"),),
        caught_by=checks_archive.list_beside_drop,
        symptom="what is listed: .*None",
    ),
]
