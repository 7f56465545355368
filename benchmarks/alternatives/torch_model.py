"""CMaskTrack R-CNN in PyTorch, inference only: what `benchmarks.inference` is compared with.

The same layers, numbers of proposals, references and detections, written as one would write it
today in eager PyTorch with random weights: torchvision's operations where it is installed, grid
sampling elsewhere. Every frame passes the backbone once.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

try:
    from torchvision import ops as vision
except (ImportError, RuntimeError):  # RuntimeError: of another version of PyTorch
    vision = None

STRIDES = (4, 8, 16, 32, 64)
ROI_LEVELS = 4
DISPLACEMENTS, DILATION = 16, 2


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 and a shortcut."""

    def __init__(self, inputs: int, channels: int, stride: int):
        """Makes the layers."""
        super().__init__()
        outputs = 4 * channels
        self.body = nn.Sequential(
            conv_norm(inputs, channels, 1), nn.ReLU(inplace=True),
            conv_norm(channels, channels, 3, stride), nn.ReLU(inplace=True),
            conv_norm(channels, outputs, 1),
        )  # fmt: skip
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, x):
        """Maps [B, inputs, H, W] to [B, 4 * channels, H / stride, W / stride]."""
        return F.relu(self.body(x) + self.shortcut(x))


def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution and a batch norm with fixed statistics."""
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class TorchModel(nn.Module):
    """The stages of inference; methods have the names of ours."""

    def __init__(
        self,
        num_classes: int,
        *,
        proposals: int = 1000,
        candidates: int = 2000,
        detections: int = 100,
        score_threshold: float = 0.05,
    ):
        """Makes the layers with random weights."""
        super().__init__()
        self.num_classes, self.proposals = num_classes, proposals
        self.candidates, self.detections = candidates, detections
        self.score_threshold = score_threshold
        self.stem = nn.Sequential(conv_norm(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList()
        inputs = 64
        for number, blocks in enumerate((3, 4, 6, 3)):
            channels = 64 * 2**number
            layers = [Bottleneck(inputs, channels, 1 if number == 0 else 2)]
            layers += [Bottleneck(4 * channels, channels, 1) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(*layers))
            inputs = 4 * channels
        self.lateral = nn.ModuleList(nn.Conv2d(256 * 2**i, 256, 1) for i in range(4))
        self.output = nn.ModuleList(nn.Conv2d(256, 256, 3, padding=1) for _ in range(4))
        self.rpn = nn.Conv2d(256, 256, 3, padding=1)
        self.rpn_logits, self.rpn_deltas = nn.Conv2d(256, 3, 1), nn.Conv2d(256, 12, 1)
        widths = (DISPLACEMENTS**2, 256, 256, 256)
        self.offset_convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.offset = nn.Conv2d(256, 18, 3, padding=1)
        self.align = nn.Parameter(torch.randn(256, 256, 3, 3) / 48)
        self.box_fc = fully_connected(1024)
        self.box_logits = nn.Linear(1024, num_classes + 1)
        self.box_deltas = nn.Linear(1024, 4 * (num_classes + 1))
        convs = [layer for _ in range(4) for layer in (nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU())]
        self.mask = nn.Sequential(
            *convs,
            nn.ConvTranspose2d(256, 256, 2, 2),
            nn.ReLU(),
            nn.Conv2d(256, num_classes + 1, 1),
        )
        self.track = fully_connected(1024)[:-1]
        self.eval()

    def encode(self, images):
        """Frames [B, 3, H, W] to P2...P6."""
        x, levels = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        tops = [lateral(level) for lateral, level in zip(self.lateral, levels, strict=True)]
        for i in (2, 1, 0):
            tops[i] = tops[i] + F.interpolate(tops[i + 1], size=tops[i].shape[-2:])
        pyramid = [conv(top) for conv, top in zip(self.output, tops, strict=True)]
        return [*pyramid, F.max_pool2d(pyramid[-1], 1, 2)]

    def calibrate(self, query, reference):
        """Query levels [F, ...] calibrated with reference levels [F, ...]."""
        return [self._calibrate_level(q, r) for q, r in zip(query, reference, strict=True)]

    def _calibrate_level(self, query, reference):
        x = F.leaky_relu(correlation(query, reference), 0.1)
        for conv in self.offset_convs:
            x = F.relu(conv(x))
        return query + deform_conv(reference, self.offset(x), self.align)

    def propose(self, pyramid, size):
        """Proposals [P, 4] of one frame."""
        boxes, scores = [], []
        for level, stride in zip(pyramid, STRIDES, strict=True):
            x = F.relu(self.rpn(level))
            logits = self.rpn_logits(x)[0].permute(1, 2, 0).reshape(-1)
            deltas = self.rpn_deltas(x)[0].permute(1, 2, 0).reshape(-1, 4)
            top = logits.topk(min(self.proposals, len(logits)))
            anchors = make_anchors(level.shape[-2:], stride, level.device)
            found = decode(anchors[top.indices], deltas[top.indices], size)
            kept = nms(found, top.values, 0.7)
            boxes.append(found[kept])
            scores.append(top.values[kept])
        boxes, scores = torch.cat(boxes), torch.cat(scores)
        return boxes[scores.topk(min(self.proposals, len(scores))).indices]

    def classify(self, levels, rois):
        """Class logits and deltas, averaged over the references [F, ...] of the levels."""
        features = roi_features(levels, rois, 7)
        x = self.box_fc(features.flatten(0, 1).flatten(1))
        shape = features.shape[:2]
        logits, deltas = self.box_logits(x), self.box_deltas(x)
        return logits.reshape(*shape, -1).mean(0), deltas.reshape(*shape, -1).mean(0)

    def detect(self, rois, logits, deltas, size):
        """Boxes [D, 4] and labels [D] after NMS per class."""
        scores = logits.softmax(-1)[:, 1:]
        index, labels = torch.nonzero(scores > self.score_threshold, as_tuple=True)
        best = scores[index, labels].topk(min(self.candidates, len(index))).indices
        index, labels = index[best], labels[best]
        found = deltas.reshape(len(rois), -1, 4)[index, labels + 1]
        boxes = decode(rois[index], found, size, scale=torch.tensor([0.1, 0.1, 0.2, 0.2]))
        apart = boxes + (labels * (max(size) + 1))[:, None]  # classes do not suppress each other
        kept = nms(apart, scores[index, labels], 0.5)[: self.detections]
        return boxes[kept], labels[kept]

    def segment(self, levels, rois, labels):
        """Mask logits [D, 28, 28] of the classes, averaged over the references."""
        features = roi_features(levels, rois, 14)
        x = self.mask(features.flatten(0, 1)).reshape(*features.shape[:2], -1, 28, 28).mean(0)
        return x[torch.arange(len(rois)), labels + 1]

    def embed(self, levels, rois):
        """Embeddings [D, 1024]."""
        return self.track(roi_features(levels, rois, 7)[0].flatten(1))


def multiply_with(precision: str) -> None:
    """Lets GPUs round the factors of float32 products to TF32 unless this is "highest"."""
    rounded = precision != "highest"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = rounded


def fully_connected(width: int) -> nn.Sequential:
    """Two layers on RoI features."""
    first = nn.Linear(256 * 49, width)
    return nn.Sequential(first, nn.ReLU(), nn.Linear(width, width), nn.ReLU())


def correlation(query, reference):
    """[F, 256, h, w], means over channels of products with displaced references."""
    radius = (DISPLACEMENTS - 1) * DILATION // 2
    height, width = query.shape[-2:]
    padded = F.pad(reference, (radius,) * 4)
    shifts = range(0, 2 * radius + 1, DILATION)
    maps = [
        (query * padded[..., y : y + height, x : x + width]).mean(1) for y in shifts for x in shifts
    ]
    return torch.stack(maps, 1)


def deform_conv(x, offsets, kernel):
    """Deformable 3x3 convolution."""
    if vision is not None:
        return vision.deform_conv2d(x, offsets, kernel, padding=1)
    height, width = x.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.arange(height, device=x.device), torch.arange(width, device=x.device), indexing="ij"
    )
    total = 0
    for tap in range(9):
        dy, dx = offsets[:, 2 * tap], offsets[:, 2 * tap + 1]
        y, w = rows + dy + tap // 3 - 1, columns + dx + tap % 3 - 1
        samples = sample(x, torch.stack([w, y], -1))
        total = total + F.conv2d(samples, kernel[:, :, tap // 3, tap % 3, None, None])
    return total


def sample(x, points):
    """Bilinear samples of maps [F, C, h, w] at cells [F, ..., (x, y)]; zero outside."""
    size = torch.tensor([x.shape[-1] - 1, x.shape[-2] - 1], device=x.device)
    return F.grid_sample(x, points / size * 2 - 1, align_corners=True)


def roi_features(levels, rois, size: int):
    """[F, R, 256, size, size]; the same RoIs on every reference."""
    sides = ((rois[:, 2] - rois[:, 0]) * (rois[:, 3] - rois[:, 1])).clamp(min=1).sqrt()
    chosen = (sides / 56).log2().floor().clamp(0, ROI_LEVELS - 1)
    out = rois.new_zeros(len(levels[0]), len(rois), 256, size, size)
    for number, level in enumerate(levels[:ROI_LEVELS]):
        own = torch.nonzero(chosen == number).squeeze(1)
        if len(own):
            out[:, own] = roi_align(level, rois[own], size, STRIDES[number])
    return out


def roi_align(level, rois, size: int, stride: int):
    """[F, R, 256, size, size], two samples a bin and axis."""
    if vision is not None:
        found = vision.roi_align(level, [rois] * len(level), size, 1 / stride, 2)
        return found.reshape(len(level), len(rois), *found.shape[1:])
    steps = (torch.arange(2 * size, device=rois.device) + 0.5) / (2 * size)
    corner, extent = rois[:, :2] / stride, (rois[:, 2:] - rois[:, :2]) / stride
    xs = corner[:, :1] + extent[:, :1] * steps
    ys = corner[:, 1:] + extent[:, 1:] * steps
    grid = torch.stack(torch.broadcast_tensors(xs[:, None, :], ys[:, :, None]), -1)
    flat = grid.reshape(1, -1, 2 * size, 2).expand(len(level), -1, -1, -1)
    samples = sample(level, flat).reshape(len(level), 256, len(rois), 2 * size, 2 * size)
    return F.avg_pool2d(samples.transpose(1, 2).flatten(0, 1), 2).reshape(
        len(level), len(rois), 256, size, size
    )


def make_anchors(shape, stride: int, device):
    """[h * w * 3, 4] boxes of three shapes round every cell."""
    ratios = torch.tensor([0.5, 1.0, 2.0], device=device)
    half = torch.stack([8 * stride / ratios.sqrt(), 8 * stride * ratios.sqrt()], -1) / 2
    y, x = (torch.arange(n, device=device) * stride for n in shape)
    centers = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[:, :, None]
    return torch.cat([centers - half, centers + half], -1).reshape(-1, 4)


def decode(boxes, deltas, size, scale=None):
    """Boxes moved by deltas and cut at the frame."""
    deltas = deltas if scale is None else deltas * scale.to(deltas.device)
    extent = boxes[:, 2:] - boxes[:, :2]
    center = boxes[:, :2] + extent / 2 + deltas[:, :2] * extent
    half = extent * deltas[:, 2:].clamp(-4, 4).exp() / 2
    limit = torch.tensor([size[1], size[0]] * 2, device=boxes.device)
    return torch.cat([center - half, center + half], -1).clamp(min=0).minimum(limit)


def nms(boxes, scores, threshold: float):
    """Indices of what greedy suppression keeps, by descending score."""
    if vision is not None:
        return vision.nms(boxes, scores, threshold)
    order = scores.argsort(descending=True)
    boxes = boxes[order]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    over = (shared / (areas[:, None] + areas - shared).clamp(min=1e-6) > threshold).cpu().numpy()
    alive = torch.ones(len(boxes), dtype=torch.bool).numpy()
    for i in range(len(boxes)):
        if alive[i]:
            alive[i + 1 :] &= ~over[i, i + 1 :]
    return order[torch.from_numpy(alive).to(order.device)]
