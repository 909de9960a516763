"""Master data out of files: text in, structs and faults out. Nothing here opens a file or asks a store."""
