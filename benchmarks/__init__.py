"""Measurements of the whole: what a run takes, what it has found (``results/``), and the page that shows it.

``python -m benchmarks`` runs the set; ``peers/`` holds what the hub is compared with. Not part of the wheel.
"""
