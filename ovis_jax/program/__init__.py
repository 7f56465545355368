"""How a program runs on a machine: command line, cluster, compilation, memory, work directory."""
