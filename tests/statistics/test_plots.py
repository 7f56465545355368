import pytest
from data.rectangles import track, video, write

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.statistics.counts import measure_dataset
from ovis_jax.statistics.plots import draw_categories, draw_distributions, draw_occlusion

BOX, APART = (0, 0, 4, 4), (10, 10, 4, 4)


@pytest.fixture
def datasets(tmp_path):
    """One with two videos; one of 200 videos with an object, and one with seven."""
    few = [track(1, 7, 2, [BOX] * 4, "nnsv"), track(2, 7, 4, [APART] * 3 + [None], "nnn-")]
    many = [track(k, k, 2, [BOX], "n") for k in range(1, 201)]
    many += [track(300 + k, 201, 2, [BOX], "v") for k in range(7)]
    files = {
        "few": ([video(7, 4), video(8, 2)], few),
        "many": ([video(k, 1) for k in range(1, 202)], many),
    }
    paths = {name: write(tmp_path / f"{name}.json", *content) for name, content in files.items()}
    return [measure_dataset(load_annotations(path), name) for name, path in paths.items()]


def heights(bars):
    return [float(bar.get_height()) for bar in bars]


def test_every_distribution_adds_up_to_one_for_every_set(datasets):
    figure = draw_distributions(datasets)
    for panel in figure.axes:
        sums = [sum(heights(bars)) for bars in panel.containers]
        assert sums == pytest.approx([1, 1]), panel.get_title()


def test_whole_numbers_have_a_bar_each_and_the_last_one_holds_the_tail(datasets):
    panels = {panel.get_title(): panel for panel in draw_distributions(datasets).axes}
    instances = panels["Instances per video"]
    few, many = map(heights, instances.containers)
    assert few == pytest.approx([0.5, 0, 0.5])
    assert many == pytest.approx([0, 200 / 201, 1 / 201])
    assert instances.get_xlabel() == "instances (last bar: 2 and more)"
    objects = panels["Objects per frame"]
    assert heights(objects.containers[0]) == pytest.approx([2 / 6, 1 / 6, 3 / 6])


def test_means_are_written_above_the_bars(datasets):
    panels = {panel.get_title(): panel for panel in draw_distributions(datasets).axes}
    texts = [text.get_text() for text in panels["Instances per video"].texts]
    assert texts == ["mean 1", "mean 1.03"]
    top = max(heights([bar for c in panels["Objects per frame"].containers for bar in c]))
    assert panels["Objects per frame"].get_ylim()[1] > top * 1.15


def test_categories_go_from_the_most_to_the_fewest_instances(datasets):
    first, second = draw_categories(datasets).axes
    assert [label.get_text() for label in second.get_xticklabels()] == ["Cat", "Dog", "Boat"]
    assert heights(second.patches) == [207, 0, 0] and heights(first.patches) == [1, 1, 0]


def test_occlusion_is_shown_by_levels_groups_and_extremes(datasets):
    levels, groups, extremes = draw_occlusion(datasets).axes
    widths = [[float(bar.get_width()) for bar in bars] for bars in levels.containers]
    assert widths == [
        pytest.approx([5 / 7, 200 / 207]),
        pytest.approx([1 / 7, 0]),
        pytest.approx([1 / 7, 7 / 207]),
    ]
    assert [text.get_text() for text in groups.texts if text.get_text()] == [
        "SO 50 %",
        "SO 97 %",
        "MO 50 %",
        "MO 0 %",
        "HO 50 %",
        "HO 3 %",
    ]
    assert "never occluded 97 %" in [text.get_text() for text in extremes.texts]
    assert [label.get_text() for label in levels.get_yticklabels()] == ["few", "many"]
