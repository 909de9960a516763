"""Entering a plan: its work orders, and the routes and plans that compliance, trackers and reports go by."""

from __future__ import annotations

import asyncio

from devices.errors import ConfigError
from fleet.master.entering import NotEnteredError
from fleet.planning.orders import master_of
from fleet.planning.problem import CollectionPlan
from hub.planning.request import Gathered, Request, streets_of
from store.orders.plans import EnteredRun, WorkOrders


async def enter(
    orders: WorkOrders, plan: CollectionPlan, request: Request, gathered: Gathered, actor: str
) -> EnteredRun:
    """Enter all of it or nothing. Raises TransientError, and ConfigError for devices that went away meanwhile."""
    master = await asyncio.to_thread(lambda: master_of(plan, gathered.shift, streets_of(request)))
    try:
        return await orders.enter(plan, actor, master)
    except NotEnteredError as error:
        raise ConfigError(str(error)) from None
