"""Master data written as :mod:`fleet.importing` reads it: importing what was exported changes nothing."""
