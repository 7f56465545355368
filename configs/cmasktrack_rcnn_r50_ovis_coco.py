"""CMaskTrack R-CNN, ResNet-50-FPN, OVIS and pseudo-videos made of COCO images."""

from configs import cmasktrack_rcnn_r50_ovis

CATEGORIES = (  # COCO's name, OVIS's name
    ("person", "Person"),
    ("bird", "Bird"),
    ("cat", "Cat"),
    ("dog", "Dog"),
    ("horse", "Horse"),
    ("sheep", "Sheep"),
    ("cow", "Cow"),
    ("elephant", "Elephant"),
    ("bear", "Bear"),
    ("zebra", "Zebra"),
    ("giraffe", "Giraffe"),
    ("bicycle", "Bicycle"),
    ("motorcycle", "Motorcycle"),
    ("airplane", "Airplane"),
    ("boat", "Boat"),
    ("car", "Vehical"),
    ("bus", "Vehical"),
    ("truck", "Vehical"),
)


def get_config():
    """Returns the locked configuration."""
    config = cmasktrack_rcnn_r50_ovis.get_config().unlock()
    config.data.image_share = 0.35
    config.data.pseudo_video.categories = CATEGORIES
    return config.lock()
