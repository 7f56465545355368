"""Files at both ends: annotations, results, run-length masks. numpy only."""
