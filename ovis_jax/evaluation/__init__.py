"""Results to metrics. numpy and pycocotools only."""
