"""The forms of all bodies that the API takes: routes read these by themselves, so the document has to be told of them.

A module of routes whose bodies have forms of their own is entered here.
"""

from __future__ import annotations

from pydantic import BaseModel

from api.models.alerts import FORMS as ALERT_FORMS
from api.models.evaluation import EVALUATION_FORMS
from api.models.incidents import INCIDENT_FORMS
from api.models.me import ME_FORMS
from api.models.orders import ORDER_FORMS
from api.models.planning import PlanningForm
from api.models.reports import FORMS as REPORT_FORMS
from api.models.sessions import SESSION_FORMS
from api.models.users import ACCESS_FORMS
from api.models.writes import BODIES

FORMS: tuple[type[BaseModel], ...] = (
    *BODIES,
    *ALERT_FORMS,
    *EVALUATION_FORMS,
    PlanningForm,
    *REPORT_FORMS,
    *INCIDENT_FORMS,
    *ORDER_FORMS,
    *SESSION_FORMS,
    *ME_FORMS,
    *ACCESS_FORMS,
)
