"""The forms of all bodies that the API takes: routes read these by themselves, so the document has to be told of them.

A module of routes whose bodies have forms of their own is entered here.
"""

from __future__ import annotations

from pydantic import BaseModel

from api.alert_models import FORMS as ALERT_FORMS
from api.evaluation_models import EVALUATION_FORMS
from api.incident_models import INCIDENT_FORMS
from api.me_models import ME_FORMS
from api.order_models import ORDER_FORMS
from api.planning_models import PlanningForm
from api.report_models import FORMS as REPORT_FORMS
from api.session_models import SESSION_FORMS
from api.user_models import ACCESS_FORMS
from api.write_models import BODIES

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
