import zipfile

from ovis_jax.data.tfds.manual_download import FrameArchive


def test_members_with_backslashes_are_found(tmp_path):
    path = tmp_path / "train.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train\\a\\0.jpg", b"first")
        archive.writestr("train/a/1.jpg", b"second")
    frames = FrameArchive(path, "train/")
    assert frames.missing(["a/0.jpg", "a/1.jpg", "a/2.jpg"]) == ["a/2.jpg"]
    assert [frames.read(name) for name in ("a/0.jpg", "a/1.jpg")] == [b"first", b"second"]
