import json

import numpy as np
import pytest

from ovis_jax.formats.coco_images import load_coco
from ovis_jax.formats.errors import InputError


@pytest.fixture
def document():
    polygon = [[1, 1, 3, 1, 3, 3, 1, 3]]
    return {
        "images": [{"id": 4, "width": 6, "height": 4, "file_name": "train\\4.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 9, "image_id": 4, "category_id": 1, "segmentation": polygon, "iscrowd": 0}
        ],
    }


@pytest.mark.parametrize("given", [True, False])
def test_null_is_as_good_as_absent(document, write, given):
    if given:
        document["annotations"][0] |= {"area": None, "bbox": None, "iscrowd": None}
    annotations = load_coco(write(document))
    (instance,) = annotations.instances
    np.testing.assert_array_equal(instance.areas, [4])
    np.testing.assert_array_equal(instance.boxes, [[1, 1, 2, 2]])
    assert annotations.videos[0].file_names == ("train/4.jpg",)


def test_all_problems_are_listed_with_the_names_of_the_file(document, write):
    document["images"].append({"id": 5, "width": 0, "height": 4, "file_name": "5.jpg"})
    document["annotations"].append(json.loads(json.dumps(document["annotations"][0])))
    document["annotations"][1] |= {"id": 10, "image_id": 6}
    document["annotations"][0]["segmentation"] = [1, 1, 3, 1, 3, 3]
    with pytest.raises(InputError) as error:
        load_coco(write(document))
    lines = str(error.value).splitlines()
    for line, text in zip(
        lines, ["images[1] (id 5): width", "image_id: 6", "a list of polygons"], strict=True
    ):
        assert text in line
    assert load_coco(
        write(
            {k: v for k, v in document.items() if k != "annotations"}
            | {"images": document["images"][:1]}
        )
    ).lacks_key
