"""The bounds of a judgement. The defaults are DOMAIN's, or stand with their reason in docs/fleet/compliance.md."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Metres, seconds, km/h. ``zone`` is where the minutes of stops' windows count.

    ``gap_times`` and ``gap_least_s``: longer than so many usual intervals and than so long is a gap. ``signal_age_s``:
    an older signal says nothing. ``separation_s``: work on the same piece later than that is another pass.
    ``hole_m``: a shorter piece between two covered ones is covered too. ``reach_kmh`` is how fast a vehicle gets on in
    a gap. ``tank_l`` turns ``fuel_pct`` into litres.
    """

    zone: str = "Asia/Shanghai"
    greatest_kmh: float = 130.0
    gap_times: float = 3.0
    gap_least_s: float = 60.0
    signal_age_s: float = 300.0
    separation_s: float = 600.0
    hole_m: float = 10.0
    reach_kmh: float = 40.0
    standing_kmh: float = 3.0
    deviation_enter_m: float = 50.0
    deviation_leave_m: float = 30.0
    deviation_enter_s: float = 60.0
    deviation_enter_fixes: int = 3
    deviation_leave_s: float = 30.0
    transit_max_kmh: float = 60.0
    speeding_least_s: float = 10.0
    stop_near_m: float = 40.0
    emptied_within_s: float = 120.0
    dwell_s: float = 15.0
    tank_l: float | None = None
    refuel_pct: float = 8.0
    load_drop_kg: float = 500.0
    hopper_drop_pct: float = 15.0
