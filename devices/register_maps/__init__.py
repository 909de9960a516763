"""Register maps of Modbus devices; those that come with the hub are the YAML files of this folder."""
