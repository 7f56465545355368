"""What must not matter: absurd values in the invalid slots of a batch."""

import jax.numpy as jnp


def poison_instances(batch):
    """NaN boxes, absurd labels and full masks in every invalid slot."""
    instances = batch.instances
    invalid = ~instances.valid
    instances = instances.replace(
        boxes=jnp.where(invalid[..., None], jnp.nan, instances.boxes),
        labels=jnp.where(invalid, 10**6, instances.labels),
        masks=jnp.where(invalid[..., None, None], jnp.uint8(255), instances.masks),
    )
    return batch.replace(
        instances=instances,
        reference_boxes=jnp.where(batch.reference_valid[..., None], batch.reference_boxes, jnp.nan),
        reference_match=jnp.where(invalid, 10**6, batch.reference_match),
    )
