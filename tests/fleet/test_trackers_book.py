"""The book of plans: what counts at an instant, and whose history a change concerns."""

from __future__ import annotations

from fleet.master.places import Place
from fleet.trackers.book import TaskBook
from fleet.trackers.ports import Task


def test_the_task_at_an_instant_is_the_one_that_began_last() -> None:
    book = TaskBook()
    long, short = Task("long", 0, 100), Task("short", 40, 60)
    assert book.enter([("truck", long), ("truck", short)], 0, 1_000) == {"truck": 0}
    named = {at: task.plan for at in (-1, 0, 39, 40, 59, 60, 99, 100) if (task := book.task("truck", at))}
    assert named == {0: "long", 39: "long", 40: "short", 59: "short", 60: "long", 99: "long"}
    assert book.task("other", 50) is None


def test_only_what_changes_is_told_and_only_within_the_span() -> None:
    book = TaskBook()
    days = [Task(f"day-{number}", number * 100, number * 100 + 50) for number in range(4)]
    book.enter([("truck", one) for one in days], 0, 400)
    assert book.enter([("truck", one) for one in days[2:]], 200, 400) == {}
    moved = Task("day-3", 310, 360)
    assert book.enter([("truck", days[2]), ("truck", moved), ("sweeper", days[2])], 200, 400) == {
        "truck": 300,
        "sweeper": 200,
    }
    assert book.task("truck", 20) == days[0]
    assert book.task("truck", 305) is None
    assert book.enter([], 200, 400) == {"truck": 200, "sweeper": 200}
    assert book.task("sweeper", 220) is None
    book.forget(60)
    assert book.task("truck", 20) is None
    assert book.task("truck", 120) == days[1]


def test_places_stay_the_same_object_while_they_are_the_same() -> None:
    book = TaskBook()
    book.settle([Place("depot", "depot", 114.0, 30.0)])
    known = book.places()
    book.settle([Place("depot", "depot", 114.0, 30.0)])
    assert book.places() is known
