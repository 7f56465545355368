"""What must not matter: absurd values in the invalid slots of a batch."""

import jax.numpy as jnp


def poison_instances(batch):
    """NaN boxes, absurd labels and levels, identities of others, full masks in invalid slots."""
    instances = batch.instances
    invalid = ~instances.valid
    unmasked = invalid[:, : instances.masks.shape[1], :, None, None]
    return batch.replace(
        instances=instances.replace(
            boxes=jnp.where(invalid[..., None], jnp.nan, instances.boxes),
            labels=jnp.where(invalid, 10**6, instances.labels),
            identities=jnp.where(invalid, instances.identities[..., :1], instances.identities),
            masks=jnp.where(unmasked, jnp.uint8(255), instances.masks),
            occlusion=jnp.where(invalid, 10**6, instances.occlusion),
        )
    )
