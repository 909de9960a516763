from __future__ import annotations

import numpy as np

from fleet.compliance.cleaning import clean
from fleet.compliance.settings import Settings
from fleet.track import Track
from tests.fleet.drives import PLANE, drive, driven

STREET = [(0.0, 0.0), (2_000.0, 0.0)]


def made(rows: np.ndarray) -> Track:
    return clean(driven(rows).track, Settings())


def test_a_sound_track_stays_as_it_is() -> None:
    rows = drive(STREET, kmh=30.0)
    assert (made(rows).at == driven(rows).track.at).all()


def test_null_island_and_leaps_go_and_nothing_else() -> None:
    rows = drive(STREET)
    one = driven(rows).track
    lat, lon = one.lat.copy(), one.lon.copy()
    lat[5] = lon[5] = 0.0
    lat[9] = 95.0
    lat[20] += 400 / PLANE.north_m
    lon[21] -= 300 / PLANE.east_m
    found = clean(one._replace(lat=lat, lon=lon), Settings())
    assert sorted(set(one.at.tolist()) - set(found.at.tolist())) == [one.at[i] for i in (5, 9, 20, 21)]


def test_a_vehicle_that_was_carried_away_is_believed_after_a_while() -> None:
    near, far = drive(STREET), drive([(9_000.0, 0.0), (10_000.0, 0.0)], begin=1_300)
    assert len(made(np.concatenate((near, far))).at) == len(near) + len(far)


def test_a_first_fix_elsewhere_is_dropped() -> None:
    rows = drive(STREET)
    rows[0, 2] += 2_000
    assert made(rows).at[0] == driven(rows).track.at[1]


def test_without_speeds_only_the_impossible_is_dropped() -> None:
    rows = drive(STREET)
    rows[:, 3] = np.nan
    rows[10, 1] += 200
    rows[20, 1] += 2_000
    found, every = made(rows), driven(rows).track
    assert sorted(set(every.at.tolist()) - set(found.at.tolist())) == [every.at[20]]
