"""Pure decoders of device payloads (bytes to Uplink), a file for each device family."""
