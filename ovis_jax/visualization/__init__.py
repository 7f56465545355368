"""Records and metrics to pictures and videos."""
