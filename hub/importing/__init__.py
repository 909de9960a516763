"""Files of devices and telemetry, read for ``sanihub import``."""
