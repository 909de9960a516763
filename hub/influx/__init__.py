"""The InfluxDB sink: settings, the service beside the pipeline, backfills."""
