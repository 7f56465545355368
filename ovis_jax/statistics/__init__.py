"""What data sets hold: counts, tables and plots of any annotation files."""
