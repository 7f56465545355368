"""FEELVOS whose features of pixels come from a network of their own, as published."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from models import tiny_feelvos
from models.detections import random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs

from configs import feelvos_r50_ovis, feelvos_xception65_ovis
from ovis_jax.inference.stream import VideoStream
from ovis_jax.models.build import build_model, build_system, variable_shapes
from ovis_jax.models.systems.feelvos import TwoFeatures
from ovis_jax.ops.row_keys import RowKeys

OWN = {"xception", "deeplab", "embedding", "propagation"}
DEEPLAB = dict(width=2, middle_units=1)


def config_of(**model):
    """Few layers, as each is compiled."""
    heads = dict(propagation=dict(num_convs=1), radius=1)
    return tiny_feelvos.tiny_config(features="deeplab", deeplab=DEEPLAB, **heads, **model)


@functools.cache
def tiny():
    """The system and numbers of the size that initialised ones have; nothing is compiled."""
    system, shapes = build_model(config_of())
    rng = np.random.default_rng(0)

    def numbers(path, x):
        name = path[-1].key
        if name in ("scale", "var"):
            return np.ones(x.shape, np.float32)
        inputs = np.prod(x.shape[:-1]) or 1
        scale = np.sqrt(2 / inputs) if name == "kernel" else 0.1
        return (scale * rng.normal(size=x.shape)).astype(np.float32)

    return system, jax.tree_util.tree_map_with_path(numbers, shapes)


def encoded(system, variables, frames):
    sizes = jnp.tile(jnp.array(IMAGE_SIZE, jnp.float32), (len(frames), 1))
    return system.apply(variables, frames, sizes, method="encode")


def test_the_detector_stays_as_it_is():
    system, variables = tiny()
    plain = build_model(tiny_feelvos.tiny_config())[1]["params"]
    own = jax.tree.map(jnp.shape, variables["params"])
    assert set(own) == {*plain, "xception", "deeplab"}
    for name in set(plain) - OWN:
        assert own[name] == jax.tree.map(jnp.shape, plain[name]), name
    frames = jax.ShapeDtypeStruct((2, HEIGHT, WIDTH, 3), jnp.uint8)
    found = jax.eval_shape(functools.partial(encoded, system), variables, frames)
    assert isinstance(found, TwoFeatures)
    assert found.pixels.shape == (2, HEIGHT // 4, WIDTH // 4, 8)
    assert found.pyramid[0].shape == (2, HEIGHT // 4, WIDTH // 4, 16)


def test_the_loss_of_propagation_teaches_the_network_of_its_own():
    """Down to its last block: what lies below differs in nothing but the time to compile."""
    system, variables = tiny()
    batch, keys = frame_pairs(1), RowKeys.of(jax.random.key(1), 1)
    params = variables["params"]

    def loss(taught):
        xception = {**params["xception"], "exit_block2_0": taught["exit_block2_0"]}
        own = {**{name: taught[name] for name in OWN - {"xception"}}, "xception": xception}
        changed = {**variables, "params": {**params, **own}}
        losses, _ = system.apply(changed, batch, keys, method="losses")
        return losses["propagation"].value

    taught = {name: params[name] for name in OWN - {"xception"}}
    taught["exit_block2_0"] = params["xception"]["exit_block2_0"]
    for name, tree in jax.jit(jax.grad(loss))(taught).items():
        leaves = jax.tree.leaves(tree)
        assert all(np.isfinite(x).all() for x in leaves), name
        assert max(float(jnp.abs(x).max()) for x in leaves) > 0, name


def test_objects_that_come_again_keep_their_identity_in_a_stream():
    system, variables = tiny()
    frames = np.array(random_frames(4))
    frames[2:] = frames[:2]
    stream = VideoStream(system, variables, chunk=2, tracks=4)
    found = [jax.device_get(x.frames) for x in stream(frames, IMAGE_SIZE, 0.5)]
    found = jax.tree.map(lambda *x: np.concatenate(x), *found)
    ids = found.ids[found.valid].tolist()
    assert len(set(ids)) < len(ids)
    assert found.mask_logits.shape == (4, 4, HEIGHT // 4, WIDTH // 4)


@pytest.mark.exhaustive
def test_frames_are_encoded_on_every_kind_of_device():
    system = build_system(config_of(dtype="bfloat16"))
    frames = jax.ShapeDtypeStruct((1, HEIGHT, WIDTH, 3), jnp.uint8)
    program = jax.jit(functools.partial(encoded, system))
    platforms = ("cpu", "cuda", "tpu")
    exported = jax.export.export(program, platforms=platforms)(variable_shapes(system), frames)
    assert exported.platforms == platforms


def test_the_configuration_differs_in_one_field():
    own, plain = (x.get_config() for x in (feelvos_xception65_ovis, feelvos_r50_ovis))
    own.unlock().model.features = "detector"
    assert own.to_dict() == plain.to_dict()


def test_other_features_are_refused():
    config = tiny_feelvos.tiny_config(features="detectors")
    with pytest.raises(ValueError, match="features is 'detectors'; expected one of"):
        build_system(config)
