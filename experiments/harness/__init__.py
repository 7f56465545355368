"""What all experiments share: runs, what is measured of them, tables, the command line."""
