"""TraDeS small enough for every test of the models; its frames are those of `models.tiny`.

On a ResNet: DLA has three times as many layers to compile. It is tested alone.
"""

import functools

import jax

from configs import quickstart_trades
from configs.parts.trades import resnet_trunk
from ovis_jax.models.build import build_system, init_variables


def tiny_config(**model):
    """The quickstart network, narrower, with batch norms of pairs of rows behind the neck."""
    config = resnet_trunk(quickstart_trades.get_config().copy_and_resolve_references().unlock())
    norm = {"norm": "batch", "group_rows": 2}
    config.model.backbone.update(depth=18, norm="group", width=8, frozen_stages=-1)
    config.model.neck.channels = 16
    config.model.motion.update(channels=8, num_blocks=1, temperature=1.0, **norm)
    config.model.center.channels = 8
    config.model.seg.update(num_features=2, hidden=(2,), channels=8, **norm)
    config.model.detect.update(score_threshold=0.02, heat_score=0.3)
    config.model.update(model)
    config.capacity.update(detections=8, tracks=20)
    return config.lock()


@functools.cache
def tiny_system(**model):
    """A system, and variables with which boxes of several pixels score differently."""
    system = build_system(tiny_config(**model))
    variables = init_variables(system, jax.random.key(0))
    center = variables["params"]["center"]
    center["heat"]["kernel"] *= 20
    center["heat"]["bias"] += 3
    center["size"]["bias"] += 4
    center["network"]["kernel"] *= 0.2  # masks multiply networks, and rounding with them
    return system, variables
