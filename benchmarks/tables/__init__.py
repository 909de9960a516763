"""The tables of docs/benchmarks.md, by the name that their marker has."""

from benchmarks.tables import growth, intake, reading, work
from benchmarks.tables.table import Table

TABLES: dict[str, Table] = {**intake.TABLES, **growth.TABLES, **work.TABLES, **reading.TABLES}
