"""What the benches ask of a database: history made by the server itself, sizes, and the limit of a plain COPY."""
