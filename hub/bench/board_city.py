"""A city with a week of history in an empty database: what boards are tried and measured on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from time import time_ns
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from devices.metrics import CATALOGUE, DERIVED, Catalogue
from fleet.reports.revision import Order
from hub.area_keeper import AreaKeeper
from hub.demo.city import DemoCity
from hub.reporting.making import make
from ingest.adapters.conversion import local_date
from simulators.scenario import load_scenario
from store.connection import session_parameters
from store.devices_table import enter
from store.fleet_entry import FleetEntry
from store.made_week import DAY, DAYS, make_week
from store.reports import Reports
from store.readers_session import ReadSession
from store.schema import Mode, detect, enter_catalogue, migrate
from store.writers_session import WriteSession

ACTOR = "week"
