"""From settings to what follows the orders, and to the desk at which they are given."""

from __future__ import annotations

from api.ports.commands import Commands
from hub.orders.desk import OrderDesk
from hub.orders.service import Following
from hub.orders.settings import OrdersSection
from hub.orders.ways import ways
from ingest.transports.mqtt.broker import Broker
from store.orders.life import Orders
from store.orders.steward import OrderSteward
from store.readers.devices import DeviceReads, Readers
from store.reading import Pool, ReadSession
from store.writing import WriteSession


def make_following(section: OrdersSection, pool: Pool, commands: Commands, brokers: dict[str, Broker]) -> Following:
    """What sends orders down and ends them; ``brokers`` by the names of their connections."""
    reads = ReadSession(pool)
    steward = OrderSteward(reads, WriteSession(pool))
    return Following(steward, DeviceReads(reads), ways(commands, brokers, section), section)


def make_order_desk(section: OrdersSection, pool: Pool, following: Following) -> OrderDesk:
    """The desk whose orders ``following`` looks after."""
    readers = Readers.over(pool)
    store = Orders(ReadSession(pool), WriteSession(pool))
    tellable, nudge = following.tellable, following.nudge
    return OrderDesk(store, readers.devices, readers.alerts, section, tellable=tellable, nudge=nudge)
