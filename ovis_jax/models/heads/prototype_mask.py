"""Prototypes of masks, and the loss of masks that are mixed from them: YOLACT."""

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.ops.compact import map_valid
from ovis_jax.ops.losses import prob_cross_entropy
from ovis_jax.ops.masks import unpack_masks
from ovis_jax.ops.prototype_masks import cells_of_boxes, mix_prototypes
from ovis_jax.ops.resize import resize_bilinear

PROTOTYPE_STRIDE = 4
OUTSIDE_LOGIT = -100.0
LOSS_CHUNK = 8  # masks of full size at a time


class PrototypeHead(nn.Module):
    """P3 to prototypes that are not negative. Source: YOLACT, section 3.1.

    Attributes:
      num_prototypes: C.
      channels: of the convolutions before.
      num_convs: before the map is enlarged.
      dtype: of the computation; the last convolution is float32.
    """

    num_prototypes: int = 32
    channels: int = 256
    num_convs: int = 3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps P3 [B, H / 8, W / 8, C] to prototypes [B, H / 4, W / 4, num_prototypes]."""
        initial = nn.initializers.xavier_uniform()
        for i in range(self.num_convs + 1):
            if i == self.num_convs:
                x = resize_bilinear(x, 2 * x.shape[1], 2 * x.shape[2])
            conv = nn.Conv(
                self.channels, (3, 3), kernel_init=initial, dtype=self.dtype, name=f"conv{i}"
            )
            x = nn.relu(conv(x))
        last = nn.Conv(
            self.num_prototypes, (1, 1), kernel_init=initial, dtype="float32", name="last"
        )
        return nn.relu(last(x))


def prototype_logits(prototypes: jax.Array, coefficients: jax.Array, boxes: jax.Array) -> jax.Array:
    """Mask logits [N, h, w] of objects, `OUTSIDE_LOGIT` outside their boxes.

    Args:
      prototypes: [h, w, C] of a frame.
      coefficients: [N, C], before tanh.
      boxes: [N, 4] relative to the padded frame.
    """
    logits = mix_prototypes(prototypes, coefficients)
    return jnp.where(cells_of_boxes(boxes, *logits.shape[1:]), logits, OUTSIDE_LOGIT)


@flax.struct.dataclass
class PrototypeMasks:
    """Masks that training draws.

    Attributes:
      coefficients: [R, C], before tanh.
      boxes: [R, 4] relative to the padded frame, which cut the masks; no gradient.
      areas: [R], pixels that the loss of a mask is divided by.
      image: [R] int32, the frame whose prototypes and masks are read.
      index: [R] int32, the annotated mask among those of its frame.
    """

    coefficients: jax.Array
    boxes: jax.Array
    areas: jax.Array
    image: jax.Array
    index: jax.Array


def prototype_mask_losses(
    items: PrototypeMasks, valid: jax.Array, prototypes: jax.Array, masks: jax.Array
) -> jax.Array:
    """Cross-entropy of each mask in full size, divided by its area: [R], 0 where not valid.

    Every pixel of the frame counts. What lies outside an item's box is 0 and stays so: a pixel of
    the object there costs 100 and has no gradient. Source: STMask's published code.

    Args:
      items: R masks; what stands in invalid slots may be anything.
      valid: [R] bool.
      prototypes: [B, H / 4, W / 4, C] of all frames.
      masks: [B, N, H, W // 8] uint8, annotated masks, packed.
    """

    def losses(own: PrototypeMasks) -> jax.Array:
        targets = unpack_masks(masks[own.image, own.index])
        logits = jax.vmap(lambda p, c: mix_prototypes(p, c[None])[0])(
            prototypes[own.image], own.coefficients
        )
        inside = cells_of_boxes(own.boxes, *logits.shape[1:])
        probs = jnp.where(inside, jax.nn.sigmoid(logits), 0)
        probs = resize_bilinear(probs[..., None], *targets.shape[1:])[..., 0]
        probs = jnp.clip(probs, 0, 1)  # sums of weights are rounded
        total = jnp.sum(prob_cross_entropy(probs, targets), axis=(1, 2))
        return total / jnp.where(own.areas > 0, own.areas, 1)

    items = items.replace(boxes=jax.lax.stop_gradient(items.boxes))
    return map_valid(losses, items, valid, LOSS_CHUNK)
