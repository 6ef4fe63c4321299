"""Purchases that go together, for tasks and for threads: the checks, each on a real server.

And each mistake that somebody could make there is caught by one of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.fix_coalesce import Arena
from tests.client.run_check import TASKS, THREADS
from tests.fix_database import Database
from tests.fix_planted import Mutation, require_caught, run_check, to_plant

BATCHING, COALESCE, CORE = "_batching.py", "_coalesce.py", "_core_async.py"

MUTATIONS = (
    Mutation(
        "who comes alone goes by the batch function",
        BATCHING,
        "if len(batch) > 1:",
        "if batch:",
        "tasks.a_batch_is_bounded",
        r"calls: .*batch of 1'",
    ),
    Mutation(
        "an answer goes to somebody else",
        BATCHING,
        "zip(tickets, rows, strict=True)",
        "zip(tickets, [*rows[1:], rows[0]], strict=True)",
        "threads.a_crowd_goes_together",
        r"the answer's own buyer: UnknownReservation",
    ),
    Mutation(
        "a place in a batch that the caller knows nothing of",
        BATCHING,
        "ReserveResult(status, 1, *others)",
        "ReserveResult(*row)",
        "tasks.a_crowd_goes_together",
        r"ordinals: ",
    ),
    Mutation(
        "batches without a bound",
        BATCHING,
        "while lane.waiting and len(batch) < self._max_batch:",
        "while lane.waiting:",
        "threads.a_batch_is_bounded",
        r"calls: .*batch of 9",
    ),
    Mutation(
        "one lane for all pools",
        BATCHING,
        'key = (values["activity_id"], values["sku"], values["region"])',
        "key = ()",
        "tasks.pools_do_not_wait_for_each_other",
        r"who waits: 4",
    ),
    Mutation(
        "a poisoned purchase fails its batch",
        BATCHING,
        "if isinstance(error, Unavailable | OutcomeUnknown | IncompatibleSchema):",
        "if isinstance(error, SeckillError):",
        "tasks.poison_harms_nobody_else",
        r"who did nothing wrong: ",
    ),
    Mutation(
        "an error is given as an answer",
        BATCHING,
        'if status == "error":',
        "if False:",
        "threads.poison_harms_nobody_else",
        r"the error of ",
    ),
    Mutation(
        "whatever its type, it goes with the others",
        CORE,
        "if call is not RESERVE or coalescer is None or not fits(values):",
        "if call is not RESERVE or coalescer is None:",
        "tasks.poison_harms_nobody_else",
        r"the error of .*unhashable",
    ),
    Mutation(
        "texts with a backslash",
        BATCHING,
        """text.replace("\\\\", "\\\\\\\\")""",
        "text",
        "tasks.texts_arrive_whole",
        r"calls: |reservations of",
    ),
    Mutation(
        "texts with a quote",
        BATCHING,
        """.replace('"', '\\\\"')""",
        "",
        "tasks.texts_arrive_whole",
        r"calls: |reservations of",
    ),
    Mutation(
        "one error for all",
        BATCHING,
        "ticket.end(_own(error))",
        "ticket.end(error)",
        "tasks.a_lost_batch_is_open_for_all",
        r"request ids: ",
    ),
    Mutation(
        "a lost batch is sent again at once",
        BATCHING,
        "if isinstance(error, Unavailable | OutcomeUnknown | IncompatibleSchema):",
        "if isinstance(error, Unavailable | IncompatibleSchema):",
        "tasks.a_lost_batch_is_open_for_all",
        r"outcomes: ",
    ),
    Mutation(
        "who still waited does not know",
        BATCHING,
        'self.end(Unavailable("no turn in time", hint="calls ahead of this one are slow"))',
        'self.end(OutcomeUnknown("no turn in time"))',
        "threads.who_waits_in_vain_was_never_sent",
        r"who waited: .*OutcomeUnknown",
    ),
    Mutation(
        "who was sent thinks that nothing happened",
        BATCHING,
        'self.end(OutcomeUnknown("no answer in time"))',
        'self.end(Unavailable("no answer in time"))',
        "tasks.who_is_in_a_hurry_leaves_the_batch",
        r"who was in a hurry: .*Unavailable",
    ),
    Mutation(
        "who has least time serves the others",
        COALESCE,
        "leader = max(batch, key=lambda one: one.ends)",
        "leader = batch[0]",
        "threads.who_is_in_a_hurry_leaves_the_batch",
        r"who was in a hurry: |s for 1.0",
    ),
    Mutation(
        "whoever has gone is sent all the same",
        BATCHING,
        "if ticket.turn is Turn.WAITS:\n                batch.append",
        "if True:\n                batch.append",
        "tasks.who_leaves_the_queue_is_not_sent",
        r"calls: .*batch of 4",
    ),
    Mutation(
        "who leaves takes the batch along",
        COALESCE,
        "            ticket.turn = Turn.ENDED\n            raise\n",
        "            for task in self._serving:\n"
        "                task.cancel()\n"
        "            ticket.turn = Turn.ENDED\n"
        "            raise\n",
        "tasks.who_leaves_a_batch_spoils_nothing",
        r"answers: .*interrupted|calls: ",
    ),
    Mutation(
        "who leaves as its turn comes keeps the slot",
        COALESCE,
        "if ticket.turn is Turn.ALONE:  # its turn came at the very moment",
        "if False:",
        "tasks.who_leaves_as_its_turn_comes",
        r"lanes still in use",
    ),
    Mutation(
        "a thread that is interrupted leaves its batch without a word",
        COALESCE,
        "            abandon(ticket.batch or ())\n",
        "",
        "threads.who_serves_is_interrupted",
        r"who tries again: 0",
    ),
    Mutation(
        "a batch that keeps its slot",
        COALESCE,
        "            abandon(batch)\n            self._pass_on(lane)\n",
        "            abandon(batch)\n",
        "tasks.one_user_many_times",
        r"lanes still in use",
    ),
    Mutation(
        "the callers who wait lose their connections with the client",
        CORE,
        "partial(_attempt_on, pool)",
        'lambda *call: _attempt_on(cast("AsyncPool", self._pool), *call)',
        "tasks.closed_while_they_wait",
        r"answers: .*AttributeError",
    ),
    Mutation(
        "together, although the caller does not want it",
        CORE,
        "        if self._coalesce:\n",
        "        if True:\n",
        "tasks.own_transactions_stay_alone",
        r"calls: .*batch of",
    ),
)


def dsns(db: Database) -> list[str]:
    """Of the check's arena."""
    arena = Arena.of(db)
    return [arena.buyer, arena.operator, arena.superuser]


@pytest.mark.parametrize("name", TASKS)
async def test_tasks(name: str, db: Database) -> None:
    await TASKS[name](Arena.of(db))


@pytest.mark.parametrize("name", THREADS)
def test_threads(name: str, db: Database) -> None:
    THREADS[name](Arena.of(db))


def test_the_gate_itself_passes_the_living_code(db: Database) -> None:
    for name in ("tasks.a_batch_is_bounded", "threads.a_batch_is_bounded"):
        done = run_check("tests.client.run_check", name, dsns(db))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mutation", to_plant(MUTATIONS), ids=lambda mutation: mutation.name)
def test_the_mutation_is_caught(mutation: Mutation, db: Database, tmp_path: Path) -> None:
    require_caught(mutation, "tests.client.run_check", dsns(db), tmp_path)
