"""AsyncClient: one method for each function of schema `seckill`.

Same names as in SQL, keyword arguments without the `p_`, in the same order, with the same
defaults. What the functions decide is described in the SQL reference (`procedures/README.md`);
here is no rule, no table and no DDL. `AsyncClient` says what all methods have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from seckill import _calls
from seckill._core_async import AsyncCore
from seckill.flag import StockPool
from seckill.results import (
    ArchivedRow,
    ArchivePart,
    AvailabilityResult,
    Change,
    CheckResult,
    InventoryResult,
    Metric,
    OpsEntry,
    OpsResult,
    ReservationResult,
    ReserveResult,
    ResolveResult,
    TotalMode,
    Violation,
    Window,
)

if TYPE_CHECKING:
    from seckill._compat import AsyncJoin

_NO_SUBJECTS: Mapping[str, str] = MappingProxyType({})


class AsyncClient(AsyncCore):
    """Calls the functions of schema `seckill` through a small pool of connections.

    Use it as a context manager, or `open` and `close` it. One client serves any number of
    tasks of one event loop::

        async with AsyncClient() as client:
            answer = await client.reserve(
                activity_id=1, user_id="ann", sku="phone", quantity=1, request_id=uuid4()
            )
            print(answer.status)

    Common to all methods:

    Args:
        connection: joins the caller's own transaction instead of taking a connection of the pool:
            a psycopg connection, or a SQLAlchemy connection or session over psycopg. Then nothing
            is tried again and no time limit of ours applies, and nothing is decided before the
            caller commits: a connection lost before that is `Unavailable`, and the transaction is
            gone with it. One transaction may hold one call that moves stock; two may deadlock.
        actor: of the calls that run a sale: who asked, in the caller's own words. Kept in the
            books and in `ops_history`, beside the database login.

    Raises:
        SeckillError: of the kinds in `seckill.errors`. Each method names those of its own; any may
            raise `InvalidArgument`, `Unavailable`, `IncompatibleSchema` and `OutcomeUnknown`. Reads
            raise of the last `UnknownStatus` only: the answer came, from a newer database.
        TypeError: what was given as `connection` is none.
        RuntimeError: the client is not open, or another process opened it before a fork.
    """

    # --- buying

    async def reserve(
        self,
        *,
        activity_id: int,
        user_id: str,
        sku: str,
        quantity: int,
        request_id: UUID | None = None,
        region: str = "*",
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        first_try: bool = False,
        connection: AsyncJoin | None = None,
    ) -> ReserveResult:
        """Hold units for a buyer until `expires_at`, or say why not.

        A refusal is a result. Status `busy` is returned too, not tried again: the caller knows
        whether its buyer still waits.

        Args:
            activity_id: the sale.
            user_id: the buyer, taken exactly.
            sku: what.
            quantity: units, 1 or more.
            request_id: the buyer's click. Make it before the first try and keep it: the same
                id always gives the same hold, also from another process after a crash. None
                makes one up, which serves this call's own retries only (`OutcomeUnknown`
                carries it).
            region: of the pool.
            subjects: further dimensions of the buyer, say `{"phone": "…"}`; stored as digests.
            first_try: you have just made this request id, and nobody has sent it before: then the
                sold-out flag may refuse without asking PostgreSQL (status `sold_out`, retry
                `may_return`). A call without `request_id` is one anyway. Without the promise
                PostgreSQL answers, since the request may have been answered `held` before.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            RequestConflict: the request id stands for another request.
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {
            "activity_id": activity_id,
            "user_id": user_id,
            "sku": sku,
            "quantity": quantity,
            "request_id": uuid4() if request_id is None else request_id,
            "region": region,
            "subjects": subjects,
        }
        return await self._flagged(
            _calls.RESERVE,
            parameters,
            connection,
            pools=[StockPool(activity_id, sku, region)],
            first_try=first_try or request_id is None,
        )

    async def reserve_lines(
        self,
        *,
        activity_id: int,
        user_id: str,
        skus: Sequence[str],
        quantities: Sequence[int],
        request_id: UUID | None = None,
        region: str = "*",
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        first_try: bool = False,
        connection: AsyncJoin | None = None,
    ) -> ReserveResult:
        """Hold units of several skus in one reservation: all of them, or none.

        As `reserve`, which it equals for one line.

        Args:
            activity_id: the sale.
            user_id: the buyer, taken exactly.
            skus: what; lines of the same sku are merged.
            quantities: units of each, beside `skus`.
            request_id: the buyer's click, as in `reserve`.
            region: of the pools.
            subjects: further dimensions of the buyer, say `{"phone": "…"}`; stored as digests.
            first_try: a promise about the request id, as in `reserve`; a flag of any line refuses.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or a sku and region are not in it.
            RequestConflict: the request id stands for another request.
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {
            "activity_id": activity_id,
            "user_id": user_id,
            "skus": skus,
            "quantities": quantities,
            "request_id": uuid4() if request_id is None else request_id,
            "region": region,
            "subjects": subjects,
        }
        return await self._flagged(
            _calls.RESERVE_LINES,
            parameters,
            connection,
            pools=[StockPool(activity_id, sku, region) for sku in skus],
            first_try=first_try or request_id is None,
        )

    async def reserve_batch(
        self,
        *,
        activity_ids: Sequence[int],
        user_ids: Sequence[str],
        skus: Sequence[str],
        quantities: Sequence[int],
        request_ids: Sequence[UUID],
        regions: Sequence[str],
        subjects: Sequence[Mapping[str, str]],
        connection: AsyncJoin | None = None,
    ) -> list[ReserveResult]:
        """Hold units for up to 500 buyers in one transaction; one answer each, in their order.

        Each is answered as `reserve` would, one after another. One that `reserve` would raise an
        error for has status `error` and the SQLSTATE in `error_code`; the others go on. The
        sold-out flag is not asked.

        Args:
            activity_ids: the sales.
            user_ids: the buyers, taken exactly.
            skus: what, one line each.
            quantities: units of each.
            request_ids: the buyers' clicks, made before the first try.
            regions: of the pools.
            subjects: further dimensions of each buyer.

        Raises:
            InvalidArgument: sequences of unequal length, or of more than 500.
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {
            "activity_ids": activity_ids,
            "user_ids": user_ids,
            "skus": skus,
            "quantities": quantities,
            "request_ids": request_ids,
            "regions": regions,
            "subjects": subjects,
        }
        return await self._rows(_calls.RESERVE_BATCH, parameters, connection)

    async def reserve_now(
        self,
        *,
        activity_id: int,
        user_id: str,
        sku: str,
        quantity: int,
        request_id: UUID | None = None,
        region: str = "*",
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        connection: AsyncJoin | None = None,
    ) -> ReserveResult:
        """`reserve`, with early lock release: for single calls on one hot pool.

        The next buyer has the row before this commit is on disk; the answer is given once it is.
        The sold-out flag is not asked.

        Args:
            activity_id: the sale.
            user_id: the buyer, taken exactly.
            sku: what.
            quantity: units, 1 or more.
            request_id: the buyer's click, as in `reserve`.
            region: of the pool.
            subjects: further dimensions of the buyer; stored as digests.
            connection: in autocommit; a transaction of the caller's is an error (2D000).

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            RequestConflict: the request id stands for another request.
        """
        parameters = {
            "activity_id": activity_id,
            "user_id": user_id,
            "sku": sku,
            "quantity": quantity,
            "request_id": uuid4() if request_id is None else request_id,
            "region": region,
            "subjects": subjects,
        }
        return await self._one(_calls.RESERVE_NOW, parameters, connection)

    async def confirm(
        self,
        *,
        user_id: str,
        reservation_id: int,
        payment_ref: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> ResolveResult:
        """Turn a hold into a sale: the buyer has paid. Repeated, it answers the same.

        Args:
            user_id: the buyer.
            reservation_id: from `reserve`.
            payment_ref: the payment; another one later answers `duplicate_payment`.

        Raises:
            UnknownReservation: no such reservation of this user.
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {
            "user_id": user_id,
            "reservation_id": reservation_id,
            "payment_ref": payment_ref,
        }
        return await self._one(_calls.CONFIRM, parameters, connection)

    async def cancel(
        self,
        *,
        user_id: str,
        reservation_id: int,
        reason: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> ResolveResult:
        """Give a hold back. Repeated, it answers the same.

        Args:
            user_id: the buyer.
            reservation_id: from `reserve`.
            reason: kept in the books.

        Raises:
            UnknownReservation: no such reservation of this user.
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {"user_id": user_id, "reservation_id": reservation_id, "reason": reason}
        return await self._one(_calls.CANCEL, parameters, connection)

    async def refund(
        self,
        *,
        user_id: str,
        reservation_id: int,
        skus: Sequence[str] | None = None,
        quantities: Sequence[int] | None = None,
        request_id: UUID | None = None,
        restock: bool = True,
        restore_limits: bool = True,
        connection: AsyncJoin | None = None,
    ) -> ResolveResult:
        """Take back what was bought: all that remains, or some lines of it.

        Args:
            user_id: the buyer.
            reservation_id: from `reserve`.
            skus: of these only; alone, all that remains of them.
            quantities: units of each of `skus`; alone, of the lines as they were reserved.
            request_id: a repeat refunds nothing more. Needed where lines are named: make it
                before the first try and keep it.
            restock: the units can be bought again; False writes them off.
            restore_limits: the buyer may buy as many again.

        Raises:
            InvalidArgument: fewer units remain, or lines were named without a request id.
            RequestConflict: the request id stands for another refund.
            UnknownReservation: no such reservation of this user.
            WrongState: it is not confirmed.
        """
        parameters = {
            "user_id": user_id,
            "reservation_id": reservation_id,
            "skus": skus,
            "quantities": quantities,
            "request_id": request_id,
            "restock": restock,
            "restore_limits": restore_limits,
        }
        return await self._one(_calls.REFUND, parameters, connection)

    async def confirm_batch(
        self,
        *,
        user_ids: Sequence[str | None],
        reservation_ids: Sequence[int | None],
        payment_refs: Sequence[str | None],
        connection: AsyncJoin | None = None,
    ) -> list[ResolveResult]:
        """Confirm up to 500 reservations, one answer for each, in their order.

        What `confirm` would refuse with an error has status `error` and its code in
        `error_code`; the others go on. It can be repeated as a whole.

        Args:
            user_ids: the buyers.
            reservation_ids: from `reserve`, beside them.
            payment_refs: the payments, beside them; None where there is none.

        Raises:
            WrongIsolation: the caller's transaction is not READ COMMITTED.
        """
        parameters = {
            "user_ids": user_ids,
            "reservation_ids": reservation_ids,
            "payment_refs": payment_refs,
        }
        return await self._rows(_calls.CONFIRM_BATCH, parameters, connection)

    async def availability(
        self, *, activity_id: int, sku: str, region: str = "*", connection: AsyncJoin | None = None
    ) -> AvailabilityResult:
        """The units of a pool at this instant.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
        """
        parameters = {"activity_id": activity_id, "sku": sku, "region": region}
        return await self._one(_calls.AVAILABILITY, parameters, connection)

    async def get_reservation(
        self, *, user_id: str, reservation_id: int, connection: AsyncJoin | None = None
    ) -> ReservationResult:
        """A reservation by its number.

        Raises:
            UnknownReservation: no such reservation of this user.
        """
        parameters = {"user_id": user_id, "reservation_id": reservation_id}
        return await self._one(_calls.GET_RESERVATION, parameters, connection)

    async def find_reservation(
        self,
        *,
        activity_id: int,
        user_id: str,
        request_id: UUID,
        connection: AsyncJoin | None = None,
    ) -> ReservationResult:
        """A reservation by the request id it was made with: what to ask after `OutcomeUnknown`.

        Raises:
            UnknownReservation: the request id holds nothing (yet, if its call may still run).
        """
        parameters = {"activity_id": activity_id, "user_id": user_id, "request_id": request_id}
        return await self._one(_calls.FIND_RESERVATION, parameters, connection)

    async def list_reservations(
        self,
        *,
        user_id: str,
        activity_id: int | None = None,
        limit: int = 100,
        connection: AsyncJoin | None = None,
    ) -> list[ReservationResult]:
        """A buyer's reservations, `limit` rows at most; of all sales where none is given."""
        parameters = {"user_id": user_id, "activity_id": activity_id, "limit": limit}
        return await self._rows(_calls.LIST_RESERVATIONS, parameters, connection)

    async def explain(
        self,
        *,
        activity_id: int,
        user_id: str,
        sku: str,
        quantity: int,
        request_id: UUID | None = None,
        region: str = "*",
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        connection: AsyncJoin | None = None,
    ) -> list[CheckResult]:
        """Say what `reserve` would check now and how it would end, and change nothing.

        One row per check, in order of precedence: `reserve` gives the answer of the first that
        fails.

        Args:
            activity_id: the sale.
            user_id: the buyer, taken exactly.
            sku: what.
            quantity: units, 1 or more.
            request_id: of an earlier click, to see whether it was answered. None asks about a
                new one.
            region: of the pool.
            subjects: further dimensions of the buyer, say `{"phone": "…"}`.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            RequestConflict: the request id stands for another request.
        """
        parameters = {
            "activity_id": activity_id,
            "user_id": user_id,
            "sku": sku,
            "quantity": quantity,
            "request_id": uuid4() if request_id is None else request_id,
            "region": region,
            "subjects": subjects,
        }
        return await self._rows(_calls.EXPLAIN, parameters, connection)

    async def limit_usage(
        self,
        *,
        activity_id: int,
        user_id: str,
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        connection: AsyncJoin | None = None,
    ) -> list[CheckResult]:
        """How much of each limit a buyer has used, by name of the limit.

        Args:
            activity_id: the sale.
            user_id: the buyer, taken exactly.
            subjects: further dimensions; limits on others are left out.

        Raises:
            UnknownActivity: no such sale.
        """
        parameters = {"activity_id": activity_id, "user_id": user_id, "subjects": subjects}
        return await self._rows(_calls.LIMIT_USAGE, parameters, connection)

    # --- running a sale (needs role seckill_ops)

    async def create_activity(
        self,
        *,
        name: str,
        starts_at: datetime,
        ends_at: datetime,
        hold_seconds: int = 900,
        time_zone: str = "UTC",
        request_id: UUID | None = None,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> int:
        """Create a sale in state draft, and give its activity id.

        Args:
            name: for people.
            starts_at: first instant at which units may be reserved; aware.
            ends_at: first instant at which they no longer may; aware.
            hold_seconds: how long a hold lasts unpaid.
            time_zone: IANA name; calendar windows of limits turn over at its midnight.
            request_id: the same id gives the same activity. None makes one up for this call's
                own retries.

        Raises:
            RequestConflict: the request id stands for another call.
        """
        parameters = {
            "name": name,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "hold_seconds": hold_seconds,
            "time_zone": time_zone,
            "request_id": uuid4() if request_id is None else request_id,
            "actor": actor,
        }
        return await self._one(_calls.CREATE_ACTIVITY, parameters, connection)

    async def update_activity(
        self,
        *,
        activity_id: int,
        name: str | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        hold_seconds: int | None = None,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Change what is given of a sale; None leaves it. The time zone never changes.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "name": name,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "hold_seconds": hold_seconds,
            "actor": actor,
        }
        return await self._one(_calls.UPDATE_ACTIVITY, parameters, connection)

    async def open_activity(
        self, *, activity_id: int, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> OpsResult:
        """Let a draft sell, from `starts_at` on.

        Raises:
            UnknownActivity, WrongState: no such sale, or its state forbids it.
        """
        parameters = {"activity_id": activity_id, "actor": actor}
        return await self._one(_calls.OPEN_ACTIVITY, parameters, connection)

    async def pause_activity(
        self, *, activity_id: int, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> OpsResult:
        """Stop new holds of an open sale; those that stand may be confirmed.

        Raises:
            UnknownActivity, WrongState: no such sale, or its state forbids it.
        """
        parameters = {"activity_id": activity_id, "actor": actor}
        return await self._one(_calls.PAUSE_ACTIVITY, parameters, connection)

    async def resume_activity(
        self, *, activity_id: int, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> OpsResult:
        """Let a paused sale go on.

        Raises:
            UnknownActivity, WrongState: no such sale, or its state forbids it.
        """
        parameters = {"activity_id": activity_id, "actor": actor}
        return await self._one(_calls.RESUME_ACTIVITY, parameters, connection)

    async def close_activity(
        self, *, activity_id: int, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> OpsResult:
        """End a sale for good: what is available goes back to the inventory.

        Ended holds are settled within the call. Where nobody has swept tens of thousands of them,
        call `expire_due` until it returns 0 first: buyers and payments wait for a close.

        Raises:
            UnknownActivity, WrongState: no such sale, or its state forbids it.
        """
        parameters = {"activity_id": activity_id, "actor": actor}
        return await self._one(_calls.CLOSE_ACTIVITY, parameters, connection)

    async def receive_stock(
        self,
        *,
        sku: str,
        quantity: int,
        request_id: UUID,
        reason: str | None = None,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Put units into the inventory of a sku, or take them out (negative).

        Args:
            sku: what.
            quantity: units.
            request_id: of this delivery; the same id moves nothing twice.
            reason: kept in the books.

        Raises:
            RequestConflict: the request id stands for another call.
            StockShortfall: more is taken out than there is.
        """
        parameters = {
            "sku": sku,
            "quantity": quantity,
            "request_id": request_id,
            "reason": reason,
            "actor": actor,
        }
        return await self._one(_calls.RECEIVE_STOCK, parameters, connection)

    async def allocate_stock(
        self,
        *,
        activity_id: int,
        sku: str,
        quantity: int,
        request_id: UUID,
        region: str = "*",
        slots: int = 1,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Move units from the inventory into a pool of the sale.

        Args:
            activity_id: the sale.
            sku: what.
            quantity: units.
            request_id: the same id moves nothing twice.
            region: of the pool.
            slots: rows that share the units of a pool that is made here (see `set_slots`).

        Raises:
            UnknownActivity: no such sale.
            RequestConflict: the request id stands for another call.
            WrongState: the sale is closed.
            StockShortfall: the inventory has fewer.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "quantity": quantity,
            "request_id": request_id,
            "region": region,
            "slots": slots,
            "actor": actor,
        }
        return await self._one(_calls.ALLOCATE_STOCK, parameters, connection)

    async def move_stock(
        self,
        *,
        activity_id: int,
        sku: str,
        quantity: int,
        from_region: str,
        to_region: str,
        request_id: UUID,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Move available units of a sku from one region's pool to another's.

        Args:
            activity_id: the sale.
            sku: what.
            quantity: units.
            from_region: of the pool that gives.
            to_region: of the pool that gets.
            request_id: the same id moves nothing twice.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or it does not sell the sku there.
            RequestConflict: the request id stands for another call.
            WrongState: the sale is closed.
            StockShortfall: fewer are available.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "quantity": quantity,
            "from_region": from_region,
            "to_region": to_region,
            "request_id": request_id,
            "actor": actor,
        }
        return await self._one(_calls.MOVE_STOCK, parameters, connection)

    async def schedule_release(
        self,
        *,
        activity_id: int,
        sku: str,
        region: str,
        release_at: Sequence[datetime],
        quantities: Sequence[int],
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Say when units of a pool go on sale, in place of what was scheduled and not released.

        Args:
            activity_id: the sale.
            sku: what.
            region: of the pool.
            release_at: instants, aware; units of past ones are released at once.
            quantities: units of each, beside `release_at`. Nothing at all releases everything.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            WrongState: the sale is closed.
            StockShortfall: more than is available or was unreleased.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "region": region,
            "release_at": release_at,
            "quantities": quantities,
            "actor": actor,
        }
        return await self._one(_calls.SCHEDULE_RELEASE, parameters, connection)

    async def set_slots(
        self,
        *,
        activity_id: int,
        sku: str,
        slots: int,
        region: str = "*",
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Spread a pool over so many rows, also while it sells: single buyers wait less.

        Args:
            activity_id: the sale.
            sku: of the pool.
            slots: 1 to 64.
            region: of the pool.

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            WrongState: the sale is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "slots": slots,
            "region": region,
            "actor": actor,
        }
        return await self._one(_calls.SET_SLOTS, parameters, connection)

    async def set_stock_total(
        self,
        *,
        activity_id: int,
        sku: str,
        total: int,
        mode: TotalMode,
        region: str = "*",
        expected_total: int | None = None,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Set how many units a pool has, also while it sells; the rest is the inventory's.

        Args:
            activity_id: the sale.
            sku: of the pool.
            total: units.
            mode: what to do where more are held or sold: `reject`, `floor` (go down to those),
                `drain` (the rest as it comes back), `revoke` (cancel the newest holds).
            region: of the pool.
            expected_total: do it only where the pool has this many.

        Raises:
            StockShortfall: the mode does not go as low, or the inventory has fewer.
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
            WrongState: it is closed, or another total than was expected.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "total": total,
            "mode": mode,
            "region": region,
            "expected_total": expected_total,
            "actor": actor,
        }
        return await self._one(_calls.SET_STOCK_TOTAL, parameters, connection)

    async def set_limit(
        self,
        *,
        activity_id: int | None,
        name: str,
        dimension: str,
        metric: Metric,
        window: Window | None,
        maximum: int,
        sku: str | None = None,
        period: timedelta | None = None,
        time_zone: str | None = None,
        required: bool = True,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Set or replace a limit: at most `maximum` of a metric per subject in a window.

        Args:
            activity_id: the sale; None: all sales.
            name: of the limit; a refusal gives it back.
            dimension: whose purchases count together, say `user`.
            metric: `units`, `orders`, `open_holds` or `expired_holds`.
            window: `order`, `hour`, `day`, `week`, `month`, `activity` or `rolling`; None for
                `open_holds`, which are counted as they stand.
            maximum: the most that is allowed.
            sku: counts purchases of this sku only.
            period: of a rolling window, and only of it.
            time_zone: of a calendar window, instead of the sale's.
            required: whether a buyer without this dimension is refused as a caller's bug.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "name": name,
            "dimension": dimension,
            "metric": metric,
            "window": window,
            "maximum": maximum,
            "sku": sku,
            "period": period,
            "time_zone": time_zone,
            "required": required,
            "actor": actor,
        }
        return await self._one(_calls.SET_LIMIT, parameters, connection)

    async def drop_limit(
        self,
        *,
        activity_id: int | None,
        name: str,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Drop a limit by its name; `activity_id` None: the one of that name for all sales.

        Raises:
            UnknownActivity: no such sale.
        """
        parameters = {"activity_id": activity_id, "name": name, "actor": actor}
        return await self._one(_calls.DROP_LIMIT, parameters, connection)

    async def set_queue_limit(
        self,
        *,
        activity_id: int,
        max_waiting: int | None,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Bound how many callers may wait for the units of one pool; others get `busy` at once.

        Args:
            activity_id: the sale.
            max_waiting: callers that may wait beside the one being served, 0 to 1,000; None: no
                bound. Purchases that a client sends together are one caller.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {"activity_id": activity_id, "max_waiting": max_waiting, "actor": actor}
        return await self._one(_calls.SET_QUEUE_LIMIT, parameters, connection)

    async def require_eligibility(
        self,
        *,
        activity_id: int,
        dimension: str,
        required: bool,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Sell only to who is on the sale's list of that dimension, or no longer.

        An explicit switch: while it is on, an empty list lets nobody buy.

        Args:
            activity_id: the sale.
            dimension: of the list, say `user` or `phone`.
            required: on or off.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "dimension": dimension,
            "required": required,
            "actor": actor,
        }
        return await self._one(_calls.REQUIRE_ELIGIBILITY, parameters, connection)

    async def add_eligible(
        self,
        *,
        activity_id: int,
        dimension: str,
        values: Sequence[str],
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Put subjects on the sale's list of those who may buy; stored as digests.

        Args:
            activity_id: the sale.
            dimension: of the values, say `user` or `phone`.
            values: 10,000 at most; those that are on it already stay.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "dimension": dimension,
            "values": values,
            "actor": actor,
        }
        return await self._one(_calls.ADD_ELIGIBLE, parameters, connection)

    async def remove_eligible(
        self,
        *,
        activity_id: int,
        dimension: str,
        values: Sequence[str],
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Take subjects off the sale's list of those who may buy.

        Args:
            activity_id: the sale.
            dimension: of the values, say `user` or `phone`.
            values: 10,000 at most; those that are not on it do not matter.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "dimension": dimension,
            "values": values,
            "actor": actor,
        }
        return await self._one(_calls.REMOVE_ELIGIBLE, parameters, connection)

    async def block(
        self,
        *,
        activity_id: int,
        dimension: str,
        values: Sequence[str],
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Refuse all purchases of subjects in a sale; stored as digests.

        Args:
            activity_id: the sale.
            dimension: of the values, say `user` or `phone`.
            values: 10,000 at most; those that are blocked already stay so.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "dimension": dimension,
            "values": values,
            "actor": actor,
        }
        return await self._one(_calls.BLOCK, parameters, connection)

    async def unblock(
        self,
        *,
        activity_id: int,
        dimension: str,
        values: Sequence[str],
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Lift the block of subjects in a sale.

        Args:
            activity_id: the sale.
            dimension: of the values, say `user` or `phone`.
            values: 10,000 at most; those that are not blocked do not matter.

        Raises:
            UnknownActivity, WrongState: no such sale, or it is closed.
        """
        parameters = {
            "activity_id": activity_id,
            "dimension": dimension,
            "values": values,
            "actor": actor,
        }
        return await self._one(_calls.UNBLOCK, parameters, connection)

    async def expire_due(
        self, *, limit: int = 1000, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> int:
        """Settle up to `limit` holds that are past their end, and say how many it were.

        Housekeeping only: such a hold is worth nothing from its end on, settled or not.
        """
        parameters = {"limit": limit, "actor": actor}
        return await self._one(_calls.EXPIRE_DUE, parameters, connection)

    async def archive_activity(
        self, *, activity_id: int, actor: str | None = None, connection: AsyncJoin | None = None
    ) -> OpsResult:
        """Bring a closed sale to a standstill, so that it can be exported and dropped.

        Raises:
            UnknownActivity: no such sale.
            WrongState: it is not closed, holds are open, or a limit on all sales still counts it.
        """
        parameters = {"activity_id": activity_id, "actor": actor}
        return await self._one(_calls.ARCHIVE_ACTIVITY, parameters, connection)

    async def export_activity(
        self,
        *,
        activity_id: int,
        part: ArchivePart,
        after: str | None = None,
        limit: int = 1000,
        connection: AsyncJoin | None = None,
    ) -> list[ArchivedRow]:
        """Rows of an archived sale, `limit` at most; an empty list is the end of the part.

        Args:
            activity_id: the sale.
            part: `reservation`, `movement` …, one of `ArchivePart`.
            after: the cursor of the last row so far; None: from the beginning.
            limit: rows, up to 10000.

        Raises:
            UnknownActivity: no such sale, or it was dropped.
            WrongState: it is not archived.
        """
        parameters = {"activity_id": activity_id, "part": part, "after": after, "limit": limit}
        return await self._rows(_calls.EXPORT_ACTIVITY, parameters, connection)

    async def drop_archived(
        self,
        *,
        activity_id: int,
        limit: int = 1000,
        actor: str | None = None,
        connection: AsyncJoin | None = None,
    ) -> OpsResult:
        """Delete an archived sale, `limit` rows a call; call it until the status is `dropped`.

        Raises:
            UnknownActivity: no such sale.
            WrongState: it is not archived.
        """
        parameters = {"activity_id": activity_id, "limit": limit, "actor": actor}
        return await self._one(_calls.DROP_ARCHIVED, parameters, connection)

    # --- reading (role seckill_read, and the two above)

    async def history(
        self,
        *,
        activity_id: int,
        sku: str | None = None,
        region: str | None = None,
        user_id: str | None = None,
        limit: int = 1000,
        connection: AsyncJoin | None = None,
    ) -> list[Change]:
        """Movements of a sale's units, `limit` rows at most; None leaves a filter out.

        Raises:
            UnknownActivity: no such sale.
        """
        parameters = {
            "activity_id": activity_id,
            "sku": sku,
            "region": region,
            "user_id": user_id,
            "limit": limit,
        }
        return await self._rows(_calls.HISTORY, parameters, connection)

    async def stock_at(
        self,
        *,
        activity_id: int,
        sku: str,
        at: datetime,
        region: str = "*",
        connection: AsyncJoin | None = None,
    ) -> AvailabilityResult:
        """The units of a pool as they were at an instant (aware).

        Raises:
            UnknownActivity, UnknownPool: no such sale, or sku and region are not in it.
        """
        parameters = {"activity_id": activity_id, "sku": sku, "at": at, "region": region}
        return await self._one(_calls.STOCK_AT, parameters, connection)

    async def limit_usage_at(
        self,
        *,
        activity_id: int,
        user_id: str,
        at: datetime,
        subjects: Mapping[str, str] = _NO_SUBJECTS,
        connection: AsyncJoin | None = None,
    ) -> list[CheckResult]:
        """How much of each limit a buyer had used at an instant (aware), by the limits of then.

        Raises:
            UnknownActivity: no such sale.
        """
        parameters = {
            "activity_id": activity_id,
            "user_id": user_id,
            "at": at,
            "subjects": subjects,
        }
        return await self._rows(_calls.LIMIT_USAGE_AT, parameters, connection)

    async def changes(
        self, *, after: str | None = None, limit: int = 1000, connection: AsyncJoin | None = None
    ) -> list[Change]:
        """The ledger of all sales as a feed: each row once, none skipped.

        Keep the last row's cursor in the same transaction as what you made of the rows. An empty
        list means that you have caught up.

        Args:
            after: the cursor of the last row that you have; None: from the beginning.
            limit: rows, up to 10000.

        Raises:
            InvalidArgument: no cursor of this feed, or one from before a restore.
            WrongState: rows after the cursor were dropped with an archived sale.
        """
        return await self._rows(_calls.CHANGES, {"after": after, "limit": limit}, connection)

    async def reconcile(
        self, *, activity_id: int, connection: AsyncJoin | None = None
    ) -> list[Violation]:
        """Check every counter of a sale against its ledger; an empty list is the proof.

        Raises:
            UnknownActivity: no such sale.
        """
        return await self._rows(_calls.RECONCILE, {"activity_id": activity_id}, connection)

    async def ops_history(
        self,
        *,
        activity_id: int | None = None,
        limit: int = 1000,
        connection: AsyncJoin | None = None,
    ) -> list[OpsEntry]:
        """The calls that ran a sale, newest first, `limit` rows at most: who asked for what, when.

        Args:
            activity_id: the sale; None: all, and calls that belong to none.
            limit: rows.
        """
        parameters = {"activity_id": activity_id, "limit": limit}
        return await self._rows(_calls.OPS_HISTORY, parameters, connection)

    async def inventory(self, *, sku: str, connection: AsyncJoin | None = None) -> InventoryResult:
        """Units of a sku that are in no pool."""
        return await self._one(_calls.INVENTORY, {"sku": sku}, connection)

    async def schema_version(self, *, connection: AsyncJoin | None = None) -> str:
        """The revision of the installed schema."""
        return await self._one(_calls.SCHEMA_VERSION, {}, connection)

    async def contract_version(self, *, connection: AsyncJoin | None = None) -> int:
        """The number of the schema's contract."""
        return await self._one(_calls.CONTRACT_VERSION, {}, connection)

    async def shard_of(self, *, user_id: str, connection: AsyncJoin | None = None) -> int:
        """The shard of a user, 0 to 63."""
        return await self._one(_calls.SHARD_OF, {"user_id": user_id}, connection)
