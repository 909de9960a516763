"""KPIs of workers, crews and drivers, a file each; found by :func:`fleet.evaluation.kpi.kpis`."""
