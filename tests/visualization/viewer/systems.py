"""Two systems over the tiny data set: one that is right, one with errors of each kind."""

import json

ERRORS = (("class", 0, 0), ("switch", 1, 1), ("missed", 2, 3), ("switch", 4, 4))
"""Of the second system, all in the red object of video 1: kind, first and last frame."""


def write_systems(folder, annotations):
    """Writes `right.json` and `wrong.json` for an annotation file; their paths."""
    document = json.loads(annotations.read_text())
    right = [
        dict(
            video_id=own["video_id"],
            category_id=own["category_id"],
            score=0.9,
            segmentations=own["segmentations"],
        )
        for own in document["annotations"]
    ]
    wrong = [record for record in right if record["video_id"] != 1]
    red, green = (record for record in right if record["video_id"] == 1)
    wrong += [
        red | dict(score=0.7, segmentations=kept(red, 1)),
        red | dict(score=0.6, segmentations=kept(red, 4)),
        red | dict(score=0.8, category_id=7, segmentations=kept(red, 0)),
        green | dict(score=0.5),
    ]
    paths = [folder / "right.json", folder / "wrong.json"]
    for path, records in zip(paths, (right, wrong), strict=True):
        path.write_text(json.dumps(records))
    return paths


def kept(record, *frames):
    """Its masks in these frames alone."""
    masks = record["segmentations"]
    return [mask if frame in frames else None for frame, mask in enumerate(masks)]
