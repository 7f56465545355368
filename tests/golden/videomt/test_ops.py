"""Operations alone: positions, masks, points, layers, sizes of frames, learning rates."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from golden.videomt.videomt_model import assert_close, config_of, record, resized_size, settings
from golden_folder import golden_arrays, golden_json

from ovis_jax.configs.parts.videomt import slower_blocks, videomt
from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.models.backbones.vit import Attention, FeedForward
from ovis_jax.models.heads.query_masks import Upscaling
from ovis_jax.ops.point_masks import sample_points
from ovis_jax.ops.resize import resample_grid
from ovis_jax.tracking.bilinear_masks import canvas_weights
from ovis_jax.training.optimizer import delayed_parameters, rate_factors
from ovis_jax.training.run_length import make_schedule
from ovis_jax.training.schedule import scaled_learning_rate
from ovis_jax.weights.layouts import convolution, linear, transposed_convolution
from ovis_jax.weights.maps.videomt import rules as videomt_rules

TOLERANCE = 1e-5


def op(name):
    return record(name, "ops")


def names(prefix):
    return [name for name in golden_arrays("videomt", "ops.npz") if name.startswith(prefix)]


@pytest.mark.parametrize("table", ["pos", "pos40"])
def test_tables_of_positions_on_other_grids(table):
    own = op(f"{table}/in")
    side = int(np.sqrt(len(own)))
    grids = [name for name in names(f"{table}/") if not name.endswith("/in")]
    assert grids
    for name in grids:
        height, width = map(int, name.rpartition("/")[2].split("x"))
        ours = resample_grid(jnp.asarray(own.reshape(side, side, -1)), height, width)
        assert_close(ours, op(name), TOLERANCE, name)


def test_points_between_cells_and_outside():
    maps, points = op("pts/in"), op("pts/coords")
    assert_close(sample_points(jnp.asarray(maps), jnp.asarray(points)), op("pts/out"), TOLERANCE)


def parameters(prefix, layers):
    """Flax parameters of linear layers by their names in the records."""
    return {
        ours: {
            "kernel": linear.ours(op(f"{prefix}/{theirs}.weight")),
            "bias": op(f"{prefix}/{theirs}.bias"),
        }
        for theirs, ours in layers.items()
    }


def test_gated_feed_forward_layer():
    layers = {"gate_proj": "gate", "up_proj": "up", "down_proj": "down"}
    params = {"params": parameters("swiglu", layers)}
    assert_close(
        FeedForward(gated=True).apply(params, op("swiglu/in")), op("swiglu/out"), TOLERANCE
    )


def test_attention_with_the_one_number_of_heads_that_fits():
    """The records do not say how many there are."""
    layers = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "out"}
    params = {"params": parameters("attn", layers)}
    ours = [
        Attention(count).apply(params, op("attn/in")[None])[0] for count in (1, 2, 3, 4, 6, 8, 12)
    ]
    errors = [np.abs(own - op("attn/out")).max() for own in ours]
    assert sum(error < TOLERANCE for error in errors) == 1


def test_upscaling_of_an_odd_grid():
    x = jnp.moveaxis(jnp.asarray(op("up/in")), 0, -1)[None]
    for number in range(2):
        prefix = f"up/block.{number}"
        params = {
            "double": {
                "kernel": transposed_convolution.ours(op(f"{prefix}.conv1.weight")),
                "bias": op(f"{prefix}.conv1.bias"),
            },
            "depthwise": {"kernel": convolution.ours(op(f"{prefix}.conv2.weight"))},
            "norm": {
                "scale": op(f"{prefix}.layernorm2d.weight"),
                "bias": op(f"{prefix}.layernorm2d.bias"),
            },
        }
        x = Upscaling(x.shape[-1]).apply({"params": params}, x)
    assert_close(jnp.moveaxis(x[0], -1, 0), op("up/out"), TOLERANCE)


def test_sizes_of_resized_and_padded_frames():
    config = videomt()
    longer, _ = config.data.image_scale
    for entry in golden_json("videomt", "ops.json")["sizes"]:
        height, width = entry["input"]
        resizing = Resizing(
            image_scale=(longer, entry["short"]),
            pad_multiple=config.data.pad_multiple,
            **config.data.resize,
        )
        geometry = frame_geometry(width, height, resizing)
        assert [geometry.height, geometry.width] == entry["resized"]
        assert [geometry.canvas_height, geometry.canvas_width] == entry["padded"]


@pytest.mark.parametrize("name", names("mask/out_"))
def test_masks_enlarged_to_the_canvas_cut_to_the_one_size_that_fits_and_resized(name):
    """The records do not say to what size they are cut."""
    size, _, strides = name.removeprefix("mask/out_").partition("_every")
    original = tuple(map(int, size.split("x")))
    by_row, by_column = map(int, (strides or "7x5").split("x"))
    masks, near = op("mask/in"), resized_size()
    canvas = settings()["div"] * np.ceil(near / settings()["div"]).astype(int)

    def weights(axis):
        sizes = range(near[axis] - 8, min(near[axis] + 8, canvas[axis]) + 1)
        cells = masks.shape[2 + axis]
        stride = canvas[axis] // cells
        return [canvas_weights(stride, cells, own, original[axis]) for own in sizes]

    errors = [
        np.abs((rows[::by_row] @ masks @ columns[::by_column].T) - op(name)).max()
        for rows in weights(0)
        for columns in weights(1)
    ]
    assert sum(error <= TOLERANCE * np.abs(op(name)).max() for error in errors) == 1


@pytest.mark.parametrize("part", ["base_lr", "schedule"])
def test_learning_rates(part):
    recorded = golden_json("videomt", "ops.json")
    depth, config = settings()["model"]["num_hidden_layers"], videomt()
    config.train.update(num_steps=max(map(int, recorded["schedule"])), slowed=slower_blocks(depth))
    own = videomt_rules(config_of(settings()["model"]).model)
    paths = {rule.target.removeprefix("params/"): 0.0 for rule in own.values()}
    params = traverse_util.unflatten_dict(paths, sep="/")
    factors = traverse_util.flatten_dict(rate_factors(params, config.train.slowed), sep="/")
    late = traverse_util.flatten_dict(
        delayed_parameters(params, config.train.delayed.paths), sep="/"
    )
    schedules = [make_schedule(config, config.train.num_steps, delayed=d) for d in (False, True)]
    peak = scaled_learning_rate(config.train.learning_rate, config.train.batch_size)
    rates = recorded["schedule"] if part == "schedule" else {None: recorded["base_lr"]}
    for step, by_name in rates.items():
        for name, theirs in by_name.items():
            name = name.replace(".qkv.", ".q.")
            path = own[name].target.removeprefix("params/")
            rate = peak if step is None else float(schedules[late[path]](int(step)))
            np.testing.assert_allclose(rate * factors[path], theirs, rtol=1e-4, atol=1e-6 * peak)
