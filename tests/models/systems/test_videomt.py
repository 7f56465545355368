"""What VidEoMT promises beyond what every system does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.tiny import frame_pairs
from models.tiny_videomt import tiny_config, tiny_system

from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.ops.row_keys import RowKeys


def losses(batch, **model):
    system, variables = tiny_system(**model)
    keys = RowKeys.of(jax.random.key(1), len(batch.frames))
    return jax.jit(lambda v, b: system.apply(v, b, keys, method="losses"))(variables, batch)


def test_objects_beyond_the_slots_and_the_queries_are_counted():
    batch = frame_pairs(num_pairs=2, capacity=3, num_valid=3)
    second = np.array(batch.instances.identities)
    second[:, 1] += 100
    others = batch.replace(instances=batch.instances.replace(identities=second))
    _, metrics = losses(batch)
    assert metrics["lost_objects"].value == 0 and metrics["unmatched_objects"].value == 0
    _, metrics = losses(others)  # the two of the second frame are others
    assert metrics["lost_objects"].value == 2


def test_an_object_of_one_pixel_is_taught():
    batch = frame_pairs(num_pairs=1, capacity=2, num_valid=2)
    masks = np.zeros_like(batch.instances.masks)
    masks[:, :, :, 9, 2] = 1
    dots = batch.replace(instances=batch.instances.replace(masks=masks))
    found, metrics = losses(dots)
    assert metrics["unmatched_objects"].value == 0
    assert all(np.isfinite(loss.value) for loss in found.values())
    assert found["mask"].value > 0


def test_masks_of_all_frames_are_needed():
    with pytest.raises(InputError, match=r"mask_frames: 1, expected 2 for videomt"):
        config = tiny_config().copy_and_resolve_references().unlock()
        config.data.clip.mask_frames = 1
        build_model(config)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("labels", "first_frame", "labels is 'first_frame'"),
        ("encoder.heads", 3, "multiple of 3 heads"),
        ("encoder.query_blocks", 3, "query_blocks is 3"),
    ],
)
def test_bad_values_are_named(field, value, error):
    config = tiny_config().copy_and_resolve_references().unlock()
    config.model.update_from_flattened_dict({field: value})
    with pytest.raises(InputError, match=error):
        build_model(config)


def test_frames_must_be_whole_patches():
    config = tiny_config().copy_and_resolve_references().unlock()
    config.data.pad_multiple = 8
    with pytest.raises(InputError, match="pad_multiple: 8, expected a multiple of 16"):
        build_model(config)


def test_gradients_flow_through_the_frames_of_a_clip():
    """What hands queries on to the next frame is taught by what they say there."""
    system, variables = tiny_system()
    batch, head = frame_pairs(num_pairs=1), variables["params"]["head"]

    def last_logits(kernel):
        own = head | {"updater": head["updater"] | {"kernel": kernel}}
        params = variables["params"] | {"head": own}
        said = system.apply({"params": params}, batch, method="predict_clips")
        return jnp.sum(said[-1].class_logits[:, -1])

    assert jnp.abs(jax.grad(last_logits)(head["updater"]["kernel"])).max() > 0
