"""A page, one file, on which results are looked at: frames, masks, timelines, errors."""
