"""Where frames come from, and how they become batches."""

from ml_collections import ConfigDict


def data() -> ConfigDict:
    """Where the frames are and how they become batches."""
    return ConfigDict(
        dict(
            train_annotations="data/ovis/annotations_train.json",
            train_images="data/ovis/train",
            train_records="",  # folder of a built data set, read instead of the two above
            train_split="train",  # of it
            loader="auto",  # tf.data where there is TensorFlow, else "threads"; or "tf_data"
            halved_decoding=False,  # of large training frames: faster, not quite the same pixels
            eval_annotations="data/ovis/annotations_valid.json",
            eval_images="data/ovis/valid",
            image_scale=(640, 360),  # longer and shorter side that a resized frame fits into
            resize=resize(),
            crowds_are_objects=False,  # or True: every crowd (iscrowd 1) is an object like others
            boxes="file",  # or "masks": those around the masks, where the file's are wrong
            inclusive_boxes=True,  # their second corner is the last pixel; or False: the edge
            pad_multiple=32,
            mean=(123.675, 116.28, 103.53),  # RGB
            std=(58.395, 57.12, 57.375),
            flip_probability=0.5,
            augment=augment(),
            clip=clip(),
            reference_sampling="window",  # or "video": any other annotated frame
            reference_window=5,  # frames on either side
            image_share=0.0,  # of clips made from still images among all clips; 0: video only
            pseudo_video=pseudo_video(),
        )
    )


def youtube_vis_2019() -> ConfigDict:
    """Where YouTube-VIS 2019 is: what its configurations set in `data()`."""
    return ConfigDict(
        dict(
            train_annotations="data/ytvis2019/train.json",
            train_images="data/ytvis2019/train/JPEGImages",
            eval_annotations="data/ytvis2019/valid.json",
            eval_images="data/ytvis2019/valid/JPEGImages",
        )
    )


def resize() -> ConfigDict:
    """How frames are resized, as mmdetection 0.x does; see `ovis_jax.data.transforms`."""
    return ConfigDict(
        dict(
            fit="within",  # or "short_side", "exact" (to image_scale as width and height)
            resampling="opencv",  # or "pillow", which is antialiased
            axis_scales=False,  # or True: boxes are scaled by the ratio of the rounded sizes
        )
    )


def augment() -> ConfigDict:
    """What is drawn for a training clip, all of its frames alike; by default nothing."""
    return ConfigDict(
        dict(
            # Sizes in place of image_scale: at most one of these three.
            sizes=(),  # (longer, shorter) sides, one of which is drawn
            size_ranges=(),  # (smallest, largest) longer side, then the shorter one
            factors=(),  # smallest and largest factor on image_scale
            crop=dict(  # a window in place of the frame
                probability=0.0,
                sides=(384, 600),  # smallest and largest
                when="before",  # or "after" frames are resized
                short_sides=(),  # "before": of the frame it is cut out of, one is drawn
            ),
            warp=dict(  # of resize.fit "centered": another part of the frame on the canvas
                scales=(),  # shares of the frame's longer side that the canvas shows
                margin=128,  # original pixels from its middle to the border, where there is room
            ),
            colors=dict(  # largest changes of these factors, in random order; then of the light
                brightness=0.0,
                contrast=0.0,
                saturation=0.0,
                lighting=0.0,  # deviation along the principal colours
            ),
        )
    )


def detr_crops() -> ConfigDict:
    """Crops of half the clips, as DETR draws them: what configurations set in `augment`."""
    return ConfigDict(dict(crop=dict(probability=0.5, short_sides=(400, 500, 600))))


def clip() -> ConfigDict:
    """The frames of a training clip, of which the first is the query frame unless `in_order`."""
    return ConfigDict(
        dict(
            num_frames=2,
            mask_frames=1,  # frames whose masks are loaded, from the first on
            others="references",  # or "run", "reference_run"; see `ovis_jax.data.clip_frames`
            stride=1.0,  # frames from one frame of a run to the next
            in_order=False,  # or True: all frames in the order of time, the query frame among them
            allow_same=False,  # or True: the query frame may be drawn as its own reference
        )
    )


def pseudo_video() -> ConfigDict:
    """Still images that are moved to look like video; used if `config.data.image_share` is not 0.

    Motions are drawn uniformly from both sides of 0, for the first and the last frame on their own.
    """
    return ConfigDict(
        dict(
            annotations="data/coco/annotations/instances_train2017.json",
            images="data/coco/train2017",
            categories=(),  # (name of the images, name of the videos) pairs; (): the common map
            min_pixels=16,  # visible ones from which on an object counts in a frame
            motion=dict(
                rotation=12.0,  # degrees
                shear=5.0,  # degrees
                translation=0.1,  # of width and height
                scale=0.2,  # factor from 1 / 1.2 to 1.2
                perspective=0.08,  # of width and height, each corner
            ),
            pasting=dict(
                probability=0.0,  # that objects of other images are pasted over those of a clip
                max_objects=3,
                size=(0.7, 1.4),  # relative to the side of the object that is hidden
                travel=1.0,  # way during the clip, relative to the sides of the hidden object
            ),
        )
    )
