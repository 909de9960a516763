"""From bytes to committed records: wire protocols, transports, adapters, the pipeline and its spool."""
