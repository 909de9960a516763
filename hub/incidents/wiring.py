"""From settings to the courier of incidents, and to the desk at which they are reported."""

from __future__ import annotations

from hub.areas import Areas
from hub.incidents.courier import Courier
from hub.incidents.desk import IncidentDesk
from hub.incidents.settings import IncidentsSection
from hub.notify.channel import Surroundings
from hub.notify.settings import NotifySection
from store.incidents.letters import IncidentLetters
from store.incidents.records import Incidents
from store.reading import Pool, ReadSession
from store.writing import WriteSession


def make_courier(section: IncidentsSection, notify: NotifySection, pool: Pool) -> Courier:
    """What tells other departments; ``notify`` says where their webhooks may lead."""
    around = Surroundings(notify.targets(), {}, notify.zone)
    return Courier(IncidentLetters(WriteSession(pool)), section, around)


def make_incident_desk(section: IncidentsSection, pool: Pool, areas: Areas, courier: Courier) -> IncidentDesk:
    """The desk whose letters ``courier`` carries."""
    store = Incidents(ReadSession(pool), WriteSession(pool))
    return IncidentDesk(store, areas, section, nudge=courier.nudge)
